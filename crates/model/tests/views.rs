//! From how many sides pictures are looked at, against PyTorch (`reference/views.py` made `reference/views.json`).

use divvy_model::Views;
use serde::Deserialize;

#[derive(Deserialize)]
struct Case {
    shape: [usize; 3],
    images: Vec<f32>,
    mirrored: Vec<f32>,
    shifted: Vec<f32>,
}

#[test]
fn pictures_are_looked_at_as_airbench_does_in_pytorch() {
    let cases: Vec<Case> = serde_json::from_str(include_str!("reference/views.json"))
        .expect("the file is as views.py writes it");
    for Case { shape, images, mirrored, shifted } in cases {
        // A network whose logits are the numbers of its picture.
        let mut network = |images: &[f32], logits: &mut Vec<f32>| logits.extend_from_slice(images);
        for (views, expected) in
            [(Views::Single, &images), (Views::Mirrored, &mirrored), (Views::Shifted, &shifted)]
        {
            let mut logits = vec![0.5];
            views.logits(&images, shape, &mut network, &mut logits);
            assert_eq!((logits[0], &logits[1..]), (0.5, &expected[..]), "{views:?} of {shape:?}");
        }
    }
}

#[test]
fn every_name_means_its_views() {
    for views in Views::ALL {
        let text = serde_json::to_string(&views).unwrap();
        assert_eq!(text, format!("{:?}", views.name()));
        assert_eq!(serde_json::from_str::<Views>(&text).unwrap(), views);
    }
    assert_eq!(Views::ALL.map(Views::count), [1, 2, 6]);
}
