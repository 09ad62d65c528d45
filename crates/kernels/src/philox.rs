//! Philox4x32-10, a random number generator without state: numbered blocks of 128 bits, any of them at once.
//!
//! J. Salmon, M. Moraes, R. Dror and D. Shaw, Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).

use crate::simd::Simd;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
/// Added to the key after each round: the golden ratio and the square root of 3 less 1, as fractions of 2^32.
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// The blocks of as many counters as there are lanes, under one key: a lane of each of the four vectors is a counter, and of
/// what is returned a block.
#[inline(always)]
pub(crate) fn blocks<S: Simd>(simd: S, counters: [S::U; 4], key: [u32; 2]) -> [S::U; 4] {
    let [mut a, mut b, mut c, mut d] = counters;
    let mut key = key;
    for _ in 0..ROUNDS {
        let (first_high, first_low) = simd.multiply_wide(a, MULTIPLIERS[0]);
        let (second_high, second_low) = simd.multiply_wide(c, MULTIPLIERS[1]);
        a = simd.xor(simd.xor(second_high, b), simd.splat_u32(key[0]));
        c = simd.xor(simd.xor(first_high, d), simd.splat_u32(key[1]));
        (b, d) = (second_low, first_low);
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Isa;
    use crate::simd::Kernel;

    /// The vectors for `philox4x32 10` of Random123's `tests/kat_vectors`: counter, key, block.
    const KNOWN: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627_E8D5, 0xE169_C58D, 0xBC57_AC4C, 0x9B00_DBD8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408F_276D, 0x41C8_3B0E, 0xA20B_C7C6, 0x6D54_51FD]),
        (
            [0x243F_6A88, 0x85A3_08D3, 0x1319_8A2E, 0x0370_7344],
            [0xA409_3822, 0x299F_31D0],
            [0xD16C_FE09, 0x94FD_CCEB, 0x5001_E420, 0x2412_6EA1],
        ),
    ];

    /// The block of one counter, in each lane. The first word is counted up from lane to lane, starting so that
    /// `lane` has the counter's.
    struct Block {
        counter: [u32; 4],
        key: [u32; 2],
        lane: usize,
    }

    impl Kernel for Block {
        type Output = [u32; 4];

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) -> [u32; 4] {
            let [first, others @ ..] = self.counter;
            let first = simd.count_from(first.wrapping_sub((self.lane % S::LANES) as u32));
            let [b, c, d] = others;
            let words =
                blocks(simd, [first, simd.splat_u32(b), simd.splat_u32(c), simd.splat_u32(d)], self.key);
            let (mut low, mut high) = ([0.0; 16], [0.0; 16]);
            words.map(|word| {
                simd.store(simd.low_half(word), &mut low);
                simd.store(simd.high_half(word), &mut high);
                (high[self.lane % S::LANES] as u32) << 16 | low[self.lane % S::LANES] as u32
            })
        }
    }

    #[test]
    fn known_answers_in_every_lane() {
        for isa in Isa::present() {
            for (counter, key, block) in KNOWN {
                for lane in 0..16 {
                    let computed = isa.call(Block { counter, key, lane });
                    assert_eq!(computed, block, "{} lane {lane}", isa.name());
                }
            }
        }
    }
}
