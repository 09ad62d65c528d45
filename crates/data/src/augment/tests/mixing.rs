//! Pictures mixed with their neighbours.

use super::*;

const SHAPE: [usize; 3] = [8, 10, 3];
const LEN: usize = 8 * 10 * 3;

/// Pictures each of one value: 0, 1, 2 and so on.
fn plain(n: usize) -> Vec<f32> {
    (0..n).flat_map(|i| [i as f32; LEN]).collect()
}

fn mixed(mix: &Mix, n: usize, batch: u64) -> (Vec<f32>, Vec<f32>) {
    let mut images = plain(n);
    let shares = mix.apply(SHAPE, &mut images, &mut keyed(Purpose::Mix, 0, 0, batch));
    (images, shares)
}

/// The mean of a picture is that of its own and the next one's, weighed as their labels are.
fn assert_shares_are_those_of_the_pixels(images: &[f32], shares: &[f32]) {
    let n = shares.len();
    for (i, (image, &share)) in images.chunks_exact(LEN).zip(shares).enumerate() {
        assert!((0.0..=1.0).contains(&share), "{share}");
        let mean = image.iter().sum::<f32>() / LEN as f32;
        let wanted = share * i as f32 + (1.0 - share) * ((i + 1) % n) as f32;
        assert!((mean - wanted).abs() < 1e-3, "picture {i}: {mean} for {wanted}");
    }
}

#[test]
fn labels_have_the_shares_that_pictures_have() {
    for alpha in [0.05, 0.2, 1.0, 3.0] {
        for mix in [
            Mix { probability: 1.0, mixup: alpha, cutmix: 0.0 },
            Mix { probability: 1.0, mixup: 0.0, cutmix: alpha },
            Mix { probability: 0.7, mixup: alpha, cutmix: alpha },
        ] {
            for batch in 0..20 {
                let (images, shares) = mixed(&mix, 7, batch);
                assert_shares_are_those_of_the_pixels(&images, &shares);
                assert_eq!(mixed(&mix, 7, batch), (images, shares), "the same batch is mixed alike");
            }
        }
    }
}

#[test]
fn shares_follow_their_distribution() {
    for (alpha, variance) in [(0.2, 1.0 / (4.0 * 1.4)), (1.0, 1.0 / 12.0), (4.0, 1.0 / 36.0)] {
        let mix = Mix { probability: 1.0, mixup: alpha, cutmix: 0.0 };
        let shares: Vec<f64> = (0..300).flat_map(|batch| mixed(&mix, 10, batch).1).map(f64::from).collect();
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        let found = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / shares.len() as f64;
        // Beta(a, a) has the mean 1/2 and the variance 1 / (4 (2 a + 1)).
        assert!((mean - 0.5).abs() < 0.03 && (found / variance - 1.0).abs() < 0.1, "{alpha}: {mean} {found}");
    }
}

#[test]
fn as_many_are_mixed_as_are_to_be_and_a_picture_alone_is_not() {
    let mix = Mix { probability: 0.3, mixup: 1.0, cutmix: 0.0 };
    let shares: Vec<f32> = (0..200).flat_map(|batch| mixed(&mix, 10, batch).1).collect();
    let count = shares.iter().filter(|&&share| share < 1.0).count();
    assert!((520..680).contains(&count), "{count} of 2000");
    assert_eq!(mixed(&mix, 1, 0), (plain(1), vec![1.0]));
    assert_eq!(mixed(&Mix::default(), 3, 0), (plain(3), vec![1.0; 3]));
}
