//! Dropout: some elements become zero, the others grow so that the expected sum stays.

use crate::Cpu;
use crate::elementwise::{CHUNK, Elementwise, elementwise};
use crate::philox::blocks;
use crate::simd::{Kernel, Simd};

/// Elements drawn together: 16 blocks of 128 bits give 16 bits to each.
const GROUP: usize = 128;
/// Blocks drawn together.
const BLOCKS: usize = 16;
/// A task begins with a group, so that the mask does not depend on how the work is cut.
const _: () = assert!(CHUNK.is_multiple_of(GROUP));

/// What a mask depends on, besides the place of the element in the slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DropoutKey {
    /// The run's seed.
    pub seed: u64,
    /// The training step.
    pub step: u64,
    /// Which of the network's dropout layers it is.
    pub layer: u32,
}

/// `y = x / (1 - rate)` where the mask is one and 0 where it is zero, which it is with probability `rate`. Each `together` elements
/// that follow each other share one draw: 1 for dropout, the length of a sample for stochastic depth.
///
/// `rate` is taken to the nearest multiple of 2^-16 below 1, in both places, so that the expectation of `y` is exactly `x`.
/// The same call on `dy` is the backward pass: a key gives one mask. It is drawn by Philox4x32-10 with the seed as its key;
/// the counter holds step, layer and number of the block, so that masks repeat only after 2^35 draws.
///
/// # Panics
/// When the lengths differ or are no multiple of `together`, or `rate` is not in `0..1`.
pub fn dropout(cpu: &Cpu, key: DropoutKey, rate: f32, together: usize, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "dropout's input and output are of one length");
    assert!((0.0..1.0).contains(&rate), "a dropout rate of {rate}");
    assert!(together > 0 && x.len().is_multiple_of(together), "{} elements, {together} together", x.len());
    let mask = Mask { key, drop_below: steps(rate) as f32, scale: dropout_scale(rate) };
    if steps(rate) == 0 {
        cpu.team().for_chunks(y, CHUNK, |task, y| y.copy_from_slice(&x[task * CHUNK..][..y.len()]));
    } else if together == 1 {
        cpu.team().for_chunks(y, CHUNK, |task, y| {
            let first = task * CHUNK;
            let x = &x[first..first + y.len()];
            cpu.isa().call(Piece { mask, group: first / GROUP, x, y });
        });
    } else {
        cpu.team().for_chunks(y, together, |row, y| {
            let factor = mask.factor(cpu, row);
            cpu.isa().call(Scaled { factor, x: &x[row * together..][..together], y });
        });
    }
}

/// What [`dropout`] multiplies with what it keeps: `1 / (1 - rate)` of the rate that it uses.
pub fn dropout_scale(rate: f32) -> f32 {
    (65536.0 / f64::from(65536 - steps(rate))) as f32
}

/// The rate in multiples of 2^-16.
fn steps(rate: f32) -> u32 {
    ((f64::from(rate) * 65536.0).round() as u32).min(65535)
}

/// The backward pass of `ReLU` and of dropout after it, from their output: `dx = scale * dy` where `y` is above zero, else 0.
///
/// `scale` is [`dropout_scale`]'s, or 1 for `ReLU` alone.
///
/// # Panics
/// When the lengths differ.
pub fn mask_backward(cpu: &Cpu, scale: f32, y: &[f32], dy: &[f32], dx: &mut [f32]) {
    elementwise(cpu, MaskOfOutput { scale }, [y, dy], [dx]);
}

#[derive(Clone, Copy)]
struct MaskOfOutput {
    scale: f32,
}

impl Elementwise<2, 1> for MaskOfOutput {
    #[inline(always)]
    fn apply<S: Simd>(self, simd: S, [y, dy]: [S::V; 2], _: [S::V; 1]) -> [S::V; 1] {
        let scaled = simd.mul(dy, simd.splat(self.scale));
        [simd.select_gt(y, simd.zero(), scaled, simd.zero())]
    }
}

/// What is multiplied with each draw's elements.
#[derive(Clone, Copy)]
struct Mask {
    key: DropoutKey,
    drop_below: f32,
    scale: f32,
}

impl Mask {
    /// That of one draw.
    fn factor(self, cpu: &Cpu, draw: usize) -> f32 {
        let mut factors = [0.0; GROUP];
        cpu.isa().call(Piece { mask: self, group: draw / GROUP, x: &[1.0; GROUP], y: &mut factors });
        factors[draw % GROUP]
    }
}

/// `y = factor x`, and 0 whatever x is where the factor is 0.
struct Scaled<'a> {
    factor: f32,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Scaled<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Self { factor, x, y } = self;
        if factor == 0.0 {
            y.fill(0.0);
        } else {
            for (y, x) in y.iter_mut().zip(x) {
                *y = factor * x;
            }
        }
    }
}

/// The part of one task: `x` and `y` start at the first element of `group`.
struct Piece<'a> {
    mask: Mask,
    group: usize,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Piece<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Self { mask: Mask { key, drop_below, scale }, group, x, y } = self;
        for (i, (x, y)) in x.chunks(GROUP).zip(y.chunks_mut(GROUP)).enumerate() {
            let first = ((group + i) * BLOCKS) as u32;
            for block in (0..BLOCKS).step_by(S::LANES) {
                let draws = draws(simd, key, first.wrapping_add(block as u32));
                for (half, draws) in draws.into_iter().enumerate() {
                    let at = half * BLOCKS + block;
                    if at < x.len() {
                        let grown = simd.mul(simd.load_some(&x[at..]), simd.splat(scale));
                        let kept = simd.select_gt(simd.splat(drop_below), draws, simd.zero(), grown);
                        simd.store_some(kept, &mut y[at..]);
                    }
                }
            }
        }
    }
}

/// Numbers below 2^16: the halves of as many blocks as there are lanes, from number `first` on. The first vector has the low
/// halves of the blocks' first words, the second their high halves, and so on.
#[inline(always)]
fn draws<S: Simd>(simd: S, key: DropoutKey, first: u32) -> [S::V; 8] {
    let step = [key.step as u32, (key.step >> 32) as u32];
    let counters =
        [simd.count_from(first), simd.splat_u32(key.layer), simd.splat_u32(step[0]), simd.splat_u32(step[1])];
    let [a, b, c, d] = blocks(simd, counters, [key.seed as u32, (key.seed >> 32) as u32]);
    [
        simd.low_half(a),
        simd.high_half(a),
        simd.low_half(b),
        simd.high_half(b),
        simd.low_half(c),
        simd.high_half(c),
        simd.low_half(d),
        simd.high_half(d),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::trial::{numbers, on_every_cpu};
    use crate::{Activation, activation_backward, activation_forward};

    const KEY: DropoutKey = DropoutKey { seed: 7, step: 3, layer: 1 };

    /// Dropout of ones: what each element is multiplied by. The same on every instruction set.
    fn factors(key: DropoutKey, rate: f32, len: usize) -> Vec<f32> {
        let ones = vec![1.0; len];
        let mut outputs = on_every_cpu(|_| (len, 0), |cpu, y, _| dropout(cpu, key, rate, 1, &ones, y));
        let (_, first) = outputs.remove(0);
        assert!(outputs.iter().all(|(_, other)| *other == first), "instruction sets give different masks");
        first
    }

    #[test]
    fn the_share_that_is_kept_is_as_expected_and_so_is_the_sum() {
        let len = 100_003;
        for rate in [0.1_f32, 0.25, 0.5, 0.9] {
            let factors = factors(KEY, rate, len);
            let kept = factors.iter().filter(|&&factor| factor != 0.0).count();
            let (expected, p) = (len as f64 * f64::from(1.0 - rate), f64::from(rate));
            let deviation = (len as f64 * p * (1.0 - p)).sqrt();
            assert!(
                (kept as f64 - expected).abs() < 4.0 * deviation,
                "rate {rate}: {kept} kept, not {expected}"
            );
            let scale = 1.0 / (1.0 - rate);
            assert!(factors.iter().all(|&factor| factor == 0.0 || (factor - scale).abs() < 1e-3 * scale));
        }
    }

    #[test]
    fn neighbours_are_kept_independently_of_each_other() {
        let len = 100_000;
        let kept: Vec<bool> = factors(KEY, 0.5, len).iter().map(|&factor| factor != 0.0).collect();
        for distance in [1, 2, 8, 16, 32, 64, 128] {
            let same = kept.windows(distance + 1).filter(|window| window[0] == window[distance]).count();
            let (expected, deviation) = (0.5 * len as f64, 0.5 * (len as f64).sqrt());
            assert!(
                (same as f64 - expected).abs() < 4.0 * deviation + distance as f64,
                "distance {distance}: {same}"
            );
        }
    }

    #[test]
    fn a_mask_depends_on_each_part_of_the_key_and_on_the_place_alone() {
        let mask = factors(KEY, 0.5, 9000);
        assert_eq!(mask[..1001], factors(KEY, 0.5, 1001), "the length changes the mask");
        for other in [
            DropoutKey { seed: 8, ..KEY },
            DropoutKey { seed: 7 | 1 << 32, ..KEY },
            DropoutKey { step: 4, ..KEY },
            DropoutKey { step: 3 | 1 << 32, ..KEY },
            DropoutKey { layer: 2, ..KEY },
        ] {
            let same = mask.iter().zip(factors(other, 0.5, 9000)).filter(|(a, b)| **a == *b).count();
            assert!((4200..4800).contains(&same), "{other:?}: {same} of 9000 agree");
        }
    }

    #[test]
    fn the_mask_of_relu_and_dropout_follows_from_their_output() {
        let (x, dy) = (numbers(20_003, 1), numbers(20_003, 2));
        for rate in [0.0, 0.25, 0.5] {
            let outputs = on_every_cpu(
                |_| (2 * x.len(), 0),
                |cpu, out, scratch| {
                    let (made, through) = out.split_at_mut(x.len());
                    let mut relu = vec![0.0; x.len()];
                    activation_forward(cpu, Activation::Relu, &x, &mut relu);
                    let mut y = vec![0.0; x.len()];
                    dropout(cpu, KEY, rate, 1, &relu, &mut y);
                    mask_backward(cpu, dropout_scale(rate), &y, &dy, made);
                    let mut dropped = vec![0.0; x.len()];
                    dropout(cpu, KEY, rate, 1, &dy, &mut dropped);
                    activation_backward(cpu, Activation::Relu, &relu, &dropped, through);
                    assert!(scratch.is_empty());
                },
            );
            for (isa, out) in outputs {
                assert_eq!(out[..x.len()], out[x.len()..], "a rate of {rate} on {isa}");
            }
        }
    }

    #[test]
    fn elements_that_go_together_share_the_draw_of_their_number() {
        let rows = 3 * GROUP + 5;
        let by_one = factors(KEY, 0.3, rows);
        for together in [2, 7, 20_000 / rows] {
            let x = numbers(rows * together, 4);
            let expected: Vec<f32> = x
                .chunks(together)
                .zip(&by_one)
                .flat_map(|(row, factor)| {
                    row.iter().map(move |x| if *factor == 0.0 { 0.0 } else { factor * x })
                })
                .collect();
            let outputs = on_every_cpu(|_| (x.len(), 0), |cpu, y, _| dropout(cpu, KEY, 0.3, together, &x, y));
            assert!(outputs.iter().all(|(_, y)| *y == expected), "{together} together");
        }
    }

    #[test]
    fn a_rate_of_zero_changes_nothing() {
        let x: Vec<f32> = (0..300).map(|i| i as f32 * 0.3 - 20.0).collect();
        let outputs = on_every_cpu(|_| (x.len(), 0), |cpu, y, _| dropout(cpu, KEY, 0.0, 1, &x, y));
        assert!(outputs.iter().all(|(_, y)| *y == x));
    }

    #[test]
    fn the_highest_rate_keeps_numbers_finite() {
        let factors = factors(KEY, 1.0_f32.next_down(), 300_000);
        assert!(factors.iter().all(|factor| [0.0, 65536.0].contains(factor)));
    }

    #[test]
    fn the_first_element_is_decided_by_the_first_bits_of_the_block() {
        // Random123's known answer for counter and key of zeros: the words 6627E8D5, E169C58D, BC57AC4C, 9B00DBD8.
        let key = DropoutKey { seed: 0, step: 0, layer: 0 };
        let halves = [0xE8D5, 0x6627, 0xC58D, 0xE169, 0xAC4C, 0xBC57, 0xDBD8, 0x9B00];
        for (i, half) in halves.into_iter().enumerate() {
            let place = i * BLOCKS;
            for (steps, kept) in [(half, true), (half + 1, false)] {
                let factors = factors(key, steps as f32 / 65536.0, GROUP);
                assert_eq!(factors[place] != 0.0, kept, "element {place} at a rate of {steps} / 65536");
            }
        }
    }

    #[test]
    #[should_panic(expected = "a dropout rate of 1")]
    fn a_rate_of_one_is_refused() {
        dropout(&Cpu::new(1), KEY, 1.0, 1, &[], &mut []);
    }
}
