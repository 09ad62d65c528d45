use divvy_nn::{HeadKind, Isa, Mode, ParameterTable, Plan, PlanOptions, Wiring};

use super::*;
use crate::architecture::open_architecture;

fn facts(images: usize, side: Option<usize>) -> Facts {
    let machine = Machine { isa: Isa::best(), threads: 2, free_memory: None };
    let parts = Parts { images, validating: 0, testing: 0 };
    let channels = Channels::Rgb;
    Facts { parts, side, channels, mirrors: true, classes: 2, exclusive: true, machine }
}

/// A training in which each picture is seen often.
fn often() -> Stated {
    Stated { epochs: Some(200), ..Stated::default() }
}

#[test]
fn small_pictures_are_taken_as_they_are_and_photos_made_smaller() {
    for (side, size, architecture) in [
        (Some(28), 28, "resnet8"),
        (Some(8), 16, "resnet8"),
        (Some(64), 64, "resnet8"),
        (Some(65), 96, "resnet9_photo"),
        (Some(3000), 96, "resnet9_photo"),
        (None, 96, "resnet9_photo"),
    ] {
        let config = Recipe::choose(&facts(1000, side), &Stated::default()).config;
        assert_eq!((config.size, config.architecture.as_str()), (size, architecture), "{side:?}");
    }
}

#[test]
fn what_is_stated_stays_and_is_not_told() {
    let facts = facts(1000, Some(500));
    let recipe = Recipe::choose(&facts, &Stated { size: Some(48), ..Stated::default() });
    assert_eq!((recipe.config.size, recipe.config.architecture.as_str()), (48, "resnet8"));
    assert!(recipe.choices.iter().all(|choice| choice.setting != "size"));
    let stated = Stated { architecture: Some("classic".to_owned()), ..Stated::default() };
    let recipe = Recipe::choose(&facts, &stated);
    assert_eq!((recipe.config.size, recipe.config.architecture.as_str()), (96, "classic"));
    assert_eq!(recipe.config.learning_rate, 1e-3, "a network without shortcuts takes smaller steps");
    assert!(recipe.choices.iter().all(|choice| choice.setting != "architecture"));
}

#[test]
fn of_many_pictures_each_is_changed_less_and_steps_are_larger() {
    let config = |images| Recipe::choose(&facts(images, Some(32)), &Stated::default()).config;
    let (few, many) = (config(FEW - 1), config(FEW));
    assert_eq!(few.augment, Preset::Standard.into());
    assert_eq!(many.augment, moving());
    assert!(few.learning_rate < many.learning_rate);
    let stated = Stated { architecture: Some("classic".to_owned()), ..Stated::default() };
    let classic = Recipe::choose(&facts(FEW, Some(32)), &stated).config;
    assert_eq!(classic.learning_rate, 1e-3, "a rate that only networks with batch norms throughout bear");
}

#[test]
fn photos_grow_and_are_mixed_where_each_belongs_to_one_group() {
    let config = |side, exclusive: bool| {
        Recipe::choose(&Facts { exclusive, ..facts(1000, Some(side)) }, &often()).config
    };
    let (photo, small, tagged) = (config(500, true), config(32, true), config(500, false));
    let sides = |config: &TrainConfig| (config.start_size, config.end_size, config.size);
    assert_eq!([&photo, &tagged].map(sides), [(Some(64), Some(96), 112); 2]);
    assert_eq!(sides(&small), (None, None, 32));
    assert_eq!((photo.augment, tagged.augment), (mixing(), Preset::Standard.into()));
    assert!(photo.optimizer.weight_decay > small.optimizer.weight_decay);
    let stated = Stated { size: Some(200), ..often() };
    let of_size = Recipe::choose(&facts(1000, Some(500)), &stated).config;
    assert_eq!(sides(&of_size), (Some(112), Some(168), 200));
}

#[test]
fn photos_that_are_seen_seldom_are_changed_lightly() {
    let changes = |side, epochs, minutes| {
        let stated = Stated { minutes, epochs, ..Stated::default() };
        Recipe::choose(&facts(1000, Some(side)), &stated).config.augment
    };
    assert_eq!(changes(500, Some(89), None), Preset::Light.into());
    assert_eq!(changes(500, Some(90), None), mixing());
    assert_eq!(changes(500, None, None), Preset::Light.into(), "60 epochs, where nothing is said");
    assert_eq!(changes(500, None, Some(0.5)), Preset::Light.into());
    assert_eq!(changes(500, None, Some(500.0)), mixing());
    assert_eq!(changes(32, Some(20), None), Preset::Standard.into(), "not measured of small pictures");
    let told = |side| {
        let recipe =
            Recipe::choose(&facts(1000, Some(side)), &Stated { epochs: Some(20), ..Stated::default() });
        let line = recipe.choices.iter().find(|choice| choice.setting == "augment");
        line.map(ToString::to_string)
    };
    assert_eq!(told(500).as_deref(), Some("augment light: 1000 pictures, each seen 20 times or so"));
    assert_eq!(told(32).as_deref(), Some("augment standard: 1000 pictures"));
}

#[test]
fn photos_end_as_they_are_classified_where_no_parts_are_enlarged() {
    let many = Recipe::choose(&facts(FEW, Some(500)), &Stated::default()).config;
    let stated = Stated { augment: Some(Preset::Light.into()), ..often() };
    let light = Recipe::choose(&facts(1000, Some(500)), &stated).config;
    for config in [many, light] {
        assert_eq!((config.start_size, config.end_size, config.size), (Some(64), None, 96));
    }
}

#[test]
fn sides_that_are_stated_stay_and_the_others_go_with_them() {
    let chosen = |start_size, end_size| {
        let stated = Stated { start_size, end_size, ..often() };
        let recipe = Recipe::choose(&facts(1000, Some(500)), &stated);
        let lines = recipe.choices.iter().filter(|choice| choice.setting.ends_with("_size"));
        let lines: Vec<String> =
            lines.map(|Choice { setting, value, .. }| format!("{setting} {value}")).collect();
        (recipe.config.start_size, recipe.config.end_size, lines.join(", "))
    };
    let lines = |text: &str| text.to_owned();
    assert_eq!(chosen(None, None), (Some(64), Some(96), lines("start_size 64, end_size 96")));
    assert_eq!(chosen(Some(80), None), (Some(80), Some(96), lines("end_size 96")));
    assert_eq!(chosen(Some(104), None), (Some(104), Some(104), lines("end_size 104")));
    assert_eq!(chosen(Some(200), None).1, Some(112), "what exceeds the size is left to be refused");
    assert_eq!(chosen(None, Some(48)), (Some(32), Some(48), lines("start_size 32")));
    assert_eq!(chosen(None, Some(20)), (None, Some(20), String::new()), "too small to begin smaller");
    assert_eq!(chosen(Some(48), Some(80)), (Some(48), Some(80), String::new()));
}

#[test]
fn photos_are_as_large_as_the_time_allows() {
    // As many multiplications in a second, whatever this machine's vectors hold.
    let threads = 16_usize.div_ceil(Isa::best().lanes());
    let machine = Machine { isa: Isa::best(), threads, free_memory: None };
    let size = |images, minutes, augment: Option<Preset>| {
        let facts = Facts { machine, ..facts(images, Some(500)) };
        let augment = augment.map(AugmentChoice::from);
        let recipe = Recipe::choose(&facts, &Stated { augment, minutes, ..Stated::default() });
        (recipe.config.size, recipe.choices[0].reason.contains("the time"))
    };
    assert_eq!(size(2000, None, None), (96, false));
    assert_eq!(size(2000, Some(15.0), None), (112, false));
    assert_eq!(size(2000, Some(5.0), Some(Preset::Standard)), (80, true));
    assert_eq!(size(2000, Some(5.0), None), (64, true), "seen too seldom for parts to be enlarged");
    assert_eq!(size(2000, Some(5.0), Some(Preset::Light)), (64, true), "no parts are enlarged");
    assert_eq!(size(2000, Some(0.1), None), (48, true), "the least");
    assert_eq!(size(20_000, Some(60.0), None), (96, false), "of many, fewer epochs are enough");
    let stated = Stated { minutes: Some(1.0), size: Some(112), ..Stated::default() };
    assert_eq!(Recipe::choose(&facts(2000, Some(500)), &stated).config.size, 112);
}

#[test]
fn what_a_pixel_costs_is_what_the_plan_says() {
    let network = |side| {
        let head = Head::for_task(Task::Binary, Some(HeadKind::Softmax), 2).unwrap();
        open_architecture(PHOTO_NETWORK).unwrap().network([side, side, 3], &head).unwrap()
    };
    let multiplications = |side| {
        let network = network(side);
        let (table, options) = (ParameterTable::new(network.graph()), PlanOptions::default());
        Plan::compile(&network, &table, Mode::Infer, 1, options).flops() as f64 / 2.0
    };
    let (small, large) = (multiplications(64), multiplications(96));
    let of_pixel = (large - small) / f64::from(96 * 96 - 64 * 64);
    assert_eq!(of_pixel, sides::OF_PIXEL, "beside the head, which is the same");
}

#[test]
fn fewer_validate_where_there_are_many_pictures_and_a_test_part() {
    let share = |images, validating, testing| {
        let facts = Facts { parts: Parts { images, validating, testing }, ..facts(images, Some(500)) };
        let recipe = Recipe::choose(&facts, &Stated::default());
        let told = recipe.choices.iter().find(|choice| choice.setting == "validation_share");
        (recipe.config.validation_share, told.map(|choice| choice.value.clone()))
    };
    let usual = (0.2, Some("0.2".to_owned()));
    assert_eq!(share(1000, 0, 300), usual);
    assert_eq!(share(1500, 0, 1), (0.133, Some("0.133".to_owned())));
    assert_eq!(share(2000, 0, 600), (0.1, Some("0.1".to_owned())));
    assert_eq!(share(50_000, 0, 10_000), (0.1, Some("0.1".to_owned())));
    assert_eq!(share(50_000, 0, 0), usual, "the only pictures that say how good the model is");
    assert_eq!(share(50_000, 5000, 10_000), (0.2, None), "the data's own part validates");
    assert_eq!(share(0, 0, 10), usual);
}

#[test]
fn a_step_is_computed_in_as_many_parts_as_the_memory_asks_for() {
    let parts = |free: u64| {
        let few = facts(1000, Some(500));
        let facts = Facts { machine: Machine { free_memory: Some(free), ..few.machine }, ..few };
        Recipe::choose(&facts, &Stated::default()).config.accumulate.get()
    };
    assert_eq!(parts(1 << 40), 1);
    let found = [parts(250 << 20), parts(190 << 20), parts(150 << 20)];
    assert!(found[0] > 1 && found[1] > found[0] && found[2] > found[1], "{found:?}");
    assert_eq!(parts(1 << 20), 1, "what never fits is left to be refused");
}

#[test]
fn pictures_are_looked_at_mirrored_only_where_that_means_the_same() {
    for (mirrors, views) in [(true, Views::Mirrored), (false, Views::Single)] {
        let facts = Facts { mirrors, ..facts(1000, Some(500)) };
        assert_eq!(Recipe::choose(&facts, &Stated::default()).config.views, views);
    }
}

#[test]
fn only_answers_that_exclude_each_other_are_smoothed() {
    let smoothing = |exclusive: bool, stated: &Stated| {
        Recipe::choose(&Facts { exclusive, ..facts(1000, Some(500)) }, stated).config.label_smoothing
    };
    assert_eq!(smoothing(true, &Stated::default()), 0.1);
    assert_eq!(smoothing(false, &Stated::default()), 0.0);
    assert_eq!(smoothing(true, &Stated { task: Some(Task::MultiLabel), ..Stated::default() }), 0.0);
    let linear = Wiring { activation: Some(divvy_nn::Activation::Linear), ..Wiring::default() };
    assert_eq!(smoothing(true, &Stated { wiring: linear, ..Stated::default() }), 0.0);
}

#[test]
fn each_choice_has_a_line() {
    let recipe = Recipe::choose(&facts(400, Some(300)), &Stated::default());
    let settings: Vec<&str> = recipe.choices.iter().map(|choice| choice.setting).collect();
    assert_eq!(
        settings,
        [
            "size",
            "architecture",
            "channels",
            "start_size",
            "validation_share",
            "batch",
            "optimizer",
            "learning_rate",
            "schedule",
            "augment",
            "views",
            "label_smoothing",
            "metric",
            "balance",
            "patience",
            "average",
            "clip_norm",
            "stochastic_depth",
            "precision",
            "length"
        ]
    );
    assert_eq!(
        recipe.choices[0].to_string(),
        "size 96: the pictures' short side is 300 pixels, in the median"
    );
    let length = |images, minutes| {
        let recipe = Recipe::choose(&facts(images, Some(300)), &Stated { minutes, ..Stated::default() });
        recipe.choices.last().filter(|choice| choice.setting == "length").map(|choice| choice.value.clone())
    };
    assert_eq!(length(400, None).as_deref(), Some("60 epochs"));
    assert_eq!(length(20_000, None).as_deref(), Some("25 epochs"), "of 16,000 that do not validate");
    assert_eq!(length(400, Some(3.0)), None);
}
