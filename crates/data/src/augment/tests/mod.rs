//! What holds for all settings.

mod mixing;
mod others;

use super::change::Change;
use super::curve::Curve;
use super::*;
use crate::decode::{Channels, Picture, Pixels};
use crate::preprocess::Scaling;
use crate::rng::{Purpose, keyed};
use proptest::prelude::*;

fn augmented(augment: &Augment, shape: [usize; 3], bytes: &[u8], draw: u64) -> Vec<f32> {
    let [height, width, channels] = shape;
    let mut values = vec![0.0; bytes.len()];
    let channels = if channels == 3 { Channels::Rgb } else { Channels::Grey };
    let mut augmenter = Augmenter::new(augment, shape, &Scaling::unit(channels));
    let pixels = Pixels::new(height, width, channels, bytes.to_vec()).expect("the bytes fill the shape");
    let mut random = keyed(Purpose::Augment, 0, 0, draw);
    augmenter
        .apply(&Picture::of(pixels), Turn::of(0, 0, draw), &mut random, &mut values)
        .expect("it is decoded");
    values
}

const SMALL: [usize; 3] = [4, 4, 3];

#[test]
fn no_augmentation_is_scaling_alone() {
    let bytes: Vec<u8> = (0..48).map(|i| i * 5).collect();
    let mut scaled = vec![0.0; 48];
    Scaling::unit(Channels::Rgb).ramp().scale_bytes(&bytes, &mut scaled);
    for draw in 0..20 {
        assert_eq!(augmented(&Augment::none(), SMALL, &bytes, draw), scaled);
    }
}

#[test]
fn brightness_and_contrast_stay_within_their_reach() {
    let range = |augment: Augment, bytes: &[u8]| {
        let values: Vec<f32> = (0..300).map(|draw| augmented(&augment, SMALL, bytes, draw)[0]).collect();
        (values.iter().copied().fold(1.0, f32::min), values.iter().copied().fold(0.0, f32::max))
    };
    let (low, high) = range(Augment { brightness: 0.5, ..Augment::none() }, &[51; 48]);
    assert!((0.1..0.11).contains(&low) && (0.29..=0.3).contains(&high), "{low} {high}");
    // 0.2 lies 0.1 below the mean of a picture half of which is 0.4.
    let halves: Vec<u8> = [[51; 24], [102; 24]].concat();
    let (low, high) = range(Augment { contrast: 0.5, ..Augment::none() }, &halves);
    assert!((0.149..0.152).contains(&low) && (0.248..=0.251).contains(&high), "{low} {high}");
}

#[test]
fn each_change_of_levels_alone_is_seen() {
    let bytes: Vec<u8> = (0..48).map(|i| (i * 89 % 256) as u8).collect();
    let plain = augmented(&Augment::none(), SMALL, &bytes, 0);
    let none = Augment::none();
    for augment in [
        Augment { brightness: 0.5, ..none },
        Augment { contrast: 0.5, ..none },
        Augment { saturation: 0.5, ..none },
        Augment { hue: 0.3, ..none },
        Augment { grey: 1.0, ..none },
        Augment { blur: Some(Blur { probability: 1.0, sigma: [1.0, 2.0] }), ..none },
        Augment { noise: 0.1, ..none },
        Augment { erase: Some(Erase { probability: 1.0, ..Erase::default() }), ..none },
    ] {
        assert!((0..5).all(|draw| augmented(&augment, SMALL, &bytes, draw) != plain), "{augment}");
    }
    // What only a policy draws.
    let sharper = Change { sharpness: 1.5, ..Change::default() };
    let inverted = Change { curves: vec![Curve::Solarise(128.0)], ..Change::default() };
    assert!(Change::default().keeps_levels() && !sharper.keeps_levels() && !inverted.keeps_levels());
}

#[test]
fn as_many_images_are_mirrored_as_are_to_be() {
    let bytes: Vec<u8> = (0..48).collect();
    let plain = augmented(&Augment::none(), SMALL, &bytes, 0);
    for (flip, wanted) in [(0.5, 430..570), (0.1, 60..140), (1.0, 1000..1001)] {
        for augment in
            [Augment { flip, ..Augment::none() }, Augment { flip_vertical: flip, ..Augment::none() }]
        {
            let mirrored =
                (0..1000).filter(|&draw| augmented(&augment, SMALL, &bytes, draw) != plain).count();
            assert!(wanted.contains(&mirrored), "{mirrored} of 1000");
        }
    }
}

#[test]
fn noise_has_its_deviation_and_no_mean() {
    let shape = [64, 64, 3];
    let bytes = vec![128; 64 * 64 * 3];
    let augment = Augment { noise: 0.1, ..Augment::none() };
    let squares: Vec<f64> = (0..40)
        .map(|draw| {
            let values = augmented(&augment, shape, &bytes, draw);
            let off: Vec<f64> = values.iter().map(|&v| f64::from(v) - 128.0 / 255.0).collect();
            let mean = off.iter().sum::<f64>() / off.len() as f64;
            assert!(mean.abs() < 0.004, "{mean}");
            off.iter().map(|x| x * x).sum::<f64>() / off.len() as f64
        })
        .collect();
    // Deviations are drawn evenly from 0 to 0.1, so the mean of their squares is 0.1^2 / 3.
    let mean = squares.iter().sum::<f64>() / 40.0;
    assert!((0.0023..0.0044).contains(&mean), "{mean}");
    assert!(squares.iter().all(|square| square.sqrt() < 0.102));
}

#[test]
fn erasing_leaves_a_rectangle_of_zeros_of_the_right_area() {
    let shape = [32, 48, 3];
    let bytes = vec![200; 32 * 48 * 3];
    let erase = Erase { probability: 1.0, area: [0.1, 0.2], aspect: [0.5, 2.0] };
    for draw in 0..100 {
        let values = augmented(&Augment { erase: Some(erase), ..Augment::none() }, shape, &bytes, draw);
        let erased: Vec<usize> = (0..32 * 48).filter(|pixel| values[pixel * 3..][..3] == [0.0; 3]).collect();
        let share = erased.len() as f64 / (32.0 * 48.0);
        assert!((0.09..0.22).contains(&share), "{share}");
        let (xs, ys) = (erased.iter().map(|at| at % 48), erased.iter().map(|at| at / 48));
        let sides = [
            xs.clone().max().unwrap() + 1 - xs.min().unwrap(),
            ys.clone().max().unwrap() + 1 - ys.min().unwrap(),
        ];
        assert_eq!(sides[0] * sides[1], erased.len(), "it is a rectangle");
    }
}

#[test]
fn a_grey_picture_is_a_colour_picture_of_equal_channels() {
    let grey: Vec<u8> = (0..64).map(|i| i * 3).collect();
    let colour: Vec<u8> = grey.iter().flat_map(|&v| [v; 3]).collect();
    for augment in [Augment::light(), Augment::standard(), Augment { noise: 0.0, ..Augment::strong() }] {
        for draw in 0..50 {
            let one = augmented(&augment, [8, 8, 1], &grey, draw);
            let three = augmented(&augment, [8, 8, 3], &colour, draw);
            for (one, three) in one.iter().zip(three.as_chunks::<3>().0) {
                assert!(three.iter().all(|v| (v - one).abs() < 0.01), "{one} and {three:?}");
            }
        }
    }
}

/// Every setting at its most.
fn all() -> Augment {
    Augment {
        flip: 1.0,
        flip_vertical: 1.0,
        shift: 1.0,
        shift_pixels: 64,
        zoom: 0.9,
        rotate: 180.0,
        shear: 60.0,
        brightness: 1.0,
        contrast: 1.0,
        saturation: 1.0,
        hue: 0.5,
        grey: 1.0,
        noise: 1.0,
        crop: Some(Crop { area: [0.01, 1.0], aspect: [0.1, 10.0] }),
        blur: Some(Blur { probability: 1.0, sigma: [0.0, 8.0] }),
        erase: Some(Erase { probability: 1.0, area: [0.0, 1.0], aspect: [0.1, 10.0] }),
        mix: Some(Mix { probability: 1.0, mixup: 10.0, cutmix: 10.0 }),
        policy: Some(Policy::Rand { operations: 4, magnitude: 30.0 }),
    }
}

#[test]
fn shifts_by_whole_pixels_keep_levels_and_go_everywhere() {
    let bytes: Vec<u8> = (0..36).map(|i| i * 7).collect();
    let scaled = |i: usize| f32::from(bytes[i]) / 255.0;
    let augment = Augment { shift_pixels: 2, ..Augment::none() };
    let at = |place: usize, by: isize| (place.cast_signed() - by).clamp(0, 5).cast_unsigned();
    let mut seen = std::collections::BTreeSet::new();
    for draw in 0..400 {
        let found = augmented(&augment, [6, 6, 1], &bytes, draw);
        let shows = |x: isize, y: isize| {
            (0..36).all(|i| (found[i] - scaled(at(i / 6, y) * 6 + at(i % 6, x))).abs() < 1e-6)
        };
        let shift = (-2..=2).flat_map(|x| (-2..=2).map(move |y| (x, y))).find(|&(x, y)| shows(x, y));
        seen.insert(shift.unwrap_or_else(|| panic!("{found:?} is no shifted picture")));
    }
    assert_eq!(seen.len(), 25);
}

#[test]
fn presets_and_the_most_of_everything_are_within_range() {
    for preset in Preset::ALL {
        preset.augment().check().unwrap();
    }
    all().check().unwrap();
    for value in [-0.1, 1.1e9, f64::NAN, f64::INFINITY] {
        let error = Augment { rotate: value, ..Augment::none() }.check().unwrap_err();
        assert!(
            error.to_string().starts_with("augment.rotate is")
                && error.to_string().ends_with("give 0 to 180"),
            "{error}"
        );
    }
    let crop = Some(Crop { area: [0.9, 0.5], ..Crop::default() });
    assert!(
        Augment { crop, ..Augment::none() }.check().unwrap_err().to_string().contains("lesser number first")
    );
}

proptest! {
    #[test]
    fn values_stay_those_of_pictures(
        (height, width) in (1usize..20, 1usize..20),
        rgb in any::<bool>(),
        draw in any::<u64>(),
        which in 0usize..6,
    ) {
        let shape = [height, width, if rgb { 3 } else { 1 }];
        let bytes: Vec<u8> = (0..shape.iter().product()).map(|i: usize| (i * 37 % 256) as u8).collect();
        let trivial = Augment { policy: Some(Policy::Trivial {}), ..Augment::none() };
        let augment = [Augment::light(), Augment::standard(), Augment::strong(), all(), trivial, Augment::none()][which];
        for value in augmented(&augment, shape, &bytes, draw) {
            prop_assert!((0.0..=1.0).contains(&value), "{}", value);
        }
    }
}

#[test]
fn a_table_begins_from_a_preset_and_says_what_is_wrong() {
    let read = |text: &str| toml::from_str::<AugmentChoice>(text).map_err(|error| error.message().to_owned());
    let stated = |augment, flips_are_open| Ok(AugmentChoice::Stated { augment, flips_are_open });
    assert_eq!(read(""), stated(Augment::none(), true));
    assert_eq!(
        read("preset = \"light\"\nshift = 0.2"),
        stated(Augment { shift: 0.2, ..Augment::light() }, true)
    );
    assert_eq!(read("flip = 0.5"), stated(Augment { flip: 0.5, ..Augment::none() }, false));
    let erase = Some(Erase { probability: 1.0, ..Erase::default() });
    assert_eq!(
        read("preset = \"strong\"\nerase.probability = 1\n"),
        stated(Augment { erase, ..Augment::strong() }, true)
    );
    let policy = Some(Policy::Rand { operations: 3, magnitude: 9.0 });
    assert_eq!(
        read("preset = \"strong\"\n[policy]\nname = \"rand\"\noperations = 3"),
        stated(Augment { policy, ..Augment::strong() }, true)
    );
    for (text, said) in [
        ("preset = \"strnog\"", "no preset is called 'strnog'; there are none, light, standard, strong"),
        ("rotat = 3", "unknown field `rotat`"),
        ("rotate = 200", "rotate is 200; give 0 to 180"),
        ("crop.area = [0, 1]", "crop.area is 0; give 0.01 to 1"),
        ("policy.name = \"auto\"", "unknown variant `auto`"),
        ("policy = { name = \"rand\", magnitude = 40 }", "policy.magnitude is 40; give 0 to 30"),
        ("flip = true", "invalid type"),
        ("rotate = nan", "rotate is NaN"),
    ] {
        let error = read(text).unwrap_err();
        assert!(error.contains(said), "{text}: {error}");
    }
}

#[test]
fn what_is_written_down_is_read_back() {
    #[derive(serde::Serialize, serde::Deserialize, PartialEq, Debug)]
    struct File {
        augment: AugmentChoice,
    }
    let choices = Preset::ALL.map(AugmentChoice::from).into_iter().chain([
        all().into(),
        Augment::none().into(),
        Augment { flip: 0.3, policy: Some(Policy::Trivial {}), ..Augment::strong() }.into(),
    ]);
    for augment in choices {
        let file = File { augment };
        let text = toml::to_string(&file).unwrap();
        assert_eq!(toml::from_str::<File>(&text).unwrap(), file, "{text}");
    }
    let old: File = toml::from_str("augment = \"auto\"").unwrap();
    assert_eq!(old.augment, Preset::Light.into());
}

#[test]
fn settings_are_told_in_words() {
    assert_eq!(Augment::none().to_string(), "none");
    let told = Augment { rotate: 8.0, erase: Some(Erase::default()), ..Augment::none() }.to_string();
    assert!(told.contains("rotate = 8.0") && told.contains("probability = 0.25"), "{told}");
}

#[test]
fn a_choice_is_known_by_what_a_run_wrote_of_it() {
    let light = AugmentChoice::from(Preset::Light);
    assert!(light.may_have_become(Augment::light().into()) && light.may_have_become(light));
    assert!(light.may_have_become(Augment { flip: 0.0, ..Augment::light() }.into()));
    assert!(!light.may_have_become(Augment { shift: 0.2, ..Augment::light() }.into()));
    assert!(!light.may_have_become(Preset::None.into()));
    // Who states mirroring has it.
    let stated = AugmentChoice::from(Augment::light());
    assert!(!stated.may_have_become(Augment { flip: 0.0, ..Augment::light() }.into()));
}
