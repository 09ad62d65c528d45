//! Pictures that tell their class without a look at what they show.

use crate::common::{
    encode, exif, exif_of_camera, folder, jpeg_with_exif, noisy_png, picture, plain_png, shot, survey, write,
};
use divvy_data::check::{self, Copies};
use divvy_data::{Dataset, OpenOptions, StoreOptions, Survey};
use divvy_rules::{Diagnostic, Rule, Severity};
use image::ImageFormat::{self, Jpeg, Png};
use image::codecs::png::PngEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ImageEncoder, Rgb, RgbImage};
use std::path::Path;
use std::sync::Arc;

/// What is found where no picture is taken for a copy: most tests write the same picture again and again.
fn findings(root: &Path) -> Vec<Diagnostic> {
    let found = check::shortcut(&survey(root), &Copies::default());
    found.into_iter().map(|finding| finding.diagnostic).collect()
}

/// Forty files, of which `file` makes the bytes from the class, 0 or 1, and a number.
fn forty(file: impl Fn(usize, usize) -> Vec<u8>) -> Vec<Diagnostic> {
    let root = folder();
    for i in 0..40 {
        write(root.path(), &format!("{}/{i}.jpg", ["sick", "well"][i % 2]), &file(i % 2, i / 2));
    }
    findings(root.path())
}

#[test]
fn a_class_that_the_file_type_tells_is_a_shortcut() {
    // Two of twenty are of the other type in each class; the names all end in jpg.
    let found = forty(|class, i| shot(16, 16, if (class == 0) == (i % 10 != 3) { Png } else { Jpeg }));
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.rule, finding.severity), (Rule::T06, Severity::Warning));
    assert_eq!(finding.what, "file type alone tells the group of 90 % of the files");
    // Wilson's interval of 36 of 40, and half of the files in each class.
    assert!(finding.why.contains("36 of 40") && finding.why.contains("0.77 to 0.96"), "{finding}");
    assert!(finding.why.contains("is 0.50"), "{finding}");
    assert!(finding.evidence.iter().any(|line| line == "JPEG: 18 of 20 files are `well`"), "{finding}");
}

#[test]
fn sizes_and_shapes_are_shortcuts_too() {
    for (topic, file) in [
        (
            "width",
            (|class, i| shot(40 + 30 * class as u32 + i as u32, 48, Png)) as fn(usize, usize) -> Vec<u8>,
        ),
        ("height", |class, i| shot(48, 40 + 30 * class as u32 + i as u32, Png)),
        ("aspect ratio", |class, i| {
            let side = 20 + 3 * i as u32;
            if class == 0 { shot(side, side, Png) } else { shot(side * 3 / 2, side, Png) }
        }),
        ("Exif orientation", |class, _| {
            jpeg_with_exif(&shot(16, 16, Jpeg), &exif(if class == 0 { 1 } else { 3 }))
        }),
    ] {
        let found: Vec<Diagnostic> =
            forty(file).into_iter().filter(|finding| finding.rule == Rule::T06).collect();
        let [finding] = &found[..] else { panic!("{topic}: {found:?}") };
        assert!(finding.what.contains(topic), "{topic}: {finding}");
        assert!(finding.why.contains("40 of 40"), "{topic}: {finding}");
    }
}

#[test]
fn the_camera_is_a_shortcut() {
    // Two of twenty in each group were taken by the other's camera.
    let of_camera = |make, model| jpeg_with_exif(&shot(16, 16, Jpeg), &exif_of_camera(make, model));
    let found = forty(|class, i| {
        if (class == 0) == (i % 10 != 3) {
            of_camera("Canon", "Canon EOS 5D")
        } else {
            of_camera("NIKON CORPORATION", "NIKON D90")
        }
    });
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.rule, finding.severity), (Rule::T06, Severity::Warning));
    assert_eq!(finding.what, "Exif camera alone tells the group of 90 % of the files");
    assert!(
        finding.evidence.contains(&"taken by Canon EOS 5D: 18 of 20 files are `sick`".to_owned()),
        "{finding}"
    );
    // As many by each in both groups tell nothing.
    let found = forty(|_, i| match i % 3 {
        0 => of_camera("Canon", "Canon EOS 5D"),
        1 => of_camera("NIKON CORPORATION", "NIKON D90"),
        _ => shot(16, 16, Jpeg),
    });
    assert_eq!(found, []);
}

#[test]
fn cameras_are_read_from_every_format_that_names_them() {
    let exif = exif_of_camera("Canon", "Canon EOS 5D");
    let encoded = |picture: RgbImage, format: ImageFormat| {
        let mut bytes = Vec::new();
        let (pixels, (width, height)) = (picture.as_raw(), picture.dimensions());
        match format {
            Png => {
                let mut encoder = PngEncoder::new(&mut bytes);
                encoder.set_exif_metadata(exif.clone()).expect("PNG takes Exif");
                encoder
                    .write_image(pixels, width, height, image::ExtendedColorType::Rgb8)
                    .expect("it is encoded");
                bytes
            }
            ImageFormat::WebP => {
                let mut encoder = WebPEncoder::new_lossless(&mut bytes);
                encoder.set_exif_metadata(exif.clone()).expect("WebP takes Exif");
                encoder
                    .write_image(pixels, width, height, image::ExtendedColorType::Rgb8)
                    .expect("it is encoded");
                bytes
            }
            ImageFormat::Tiff => tiff_of_camera(&encode(&picture.into(), format)),
            _ => jpeg_with_exif(&encode(&picture.into(), format), &exif),
        }
    };
    for format in [Png, Jpeg, ImageFormat::WebP, ImageFormat::Tiff] {
        let found = forty(|class, i| {
            let picture = picture(16, 16 + i as u32 % 2);
            if class == 0 { encode(&picture.into(), format) } else { encoded(picture, format) }
        });
        let [finding] = &found[..] else { panic!("{format:?}: {found:?}") };
        assert!(
            finding.what.starts_with("Exif camera alone tells the group of 100 %"),
            "{format:?}: {finding}"
        );
        assert!(
            finding.evidence.iter().any(|line| line.starts_with("taken by Canon EOS 5D: 20 of 20")),
            "{finding}"
        );
    }
}

/// A TIFF file whose directory is copied to its end, with the entries of a camera.
fn tiff_of_camera(tiff: &[u8]) -> Vec<u8> {
    let at = u32::from_le_bytes(tiff[4..8].try_into().expect("four bytes")) as usize;
    let entries = u16::from_le_bytes([tiff[at], tiff[at + 1]]);
    let (old, end) = (&tiff[at + 2..at + 2 + 12 * usize::from(entries)], tiff.len() as u32);
    let text = |tag: u16, length: u32, at: u32| {
        [&tag.to_le_bytes()[..], &[2, 0], &length.to_le_bytes(), &at.to_le_bytes()].concat()
    };
    // Entries are sorted by their tags: 271 and 272 come behind 262 and before 273.
    let (before, behind): (Vec<&[u8]>, Vec<&[u8]>) =
        old.chunks(12).partition(|entry| u16::from_le_bytes([entry[0], entry[1]]) < 271);
    let directory = end + 20;
    let mut bytes =
        [&tiff[..4], &directory.to_le_bytes(), &tiff[8..], b"Canon\0", b"Canon EOS 5D\0", b"\0"].concat();
    bytes.extend((entries + 2).to_le_bytes());
    bytes.extend(
        [&before.concat()[..], &text(271, 6, end), &text(272, 13, end + 6), &behind.concat()].concat(),
    );
    bytes.extend([0; 4]);
    bytes
}

/// A picture of noise around a colour.
fn tinted(number: usize, colour: [u8; 3]) -> Vec<u8> {
    let noise = |x: u32, y: u32| ((x * 7919 + y * 104_729 + number as u32 * 1_299_709) % 61) as u8;
    encode(&RgbImage::from_fn(16, 16, |x, y| Rgb(colour.map(|c| c + noise(x, y)))).into(), ImageFormat::Bmp)
}

#[test]
fn mean_colour_is_told_as_what_may_be_meant() {
    // In any light the sick are redder.
    let found = forty(|class, i| {
        let light = 40 + 7 * i as u8;
        tinted(2 * i + class, [if class == 0 { light + 15 } else { light }, light, light])
    });
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!((finding.rule, finding.severity), (Rule::T06, Severity::Note));
    assert_eq!(finding.what, "mean colour alone tells the group of 100 % of the files");
    assert!(!finding.why.contains("will not hold"), "{finding}");
    assert!(finding.fix.contains("by nature") && finding.fix.contains("allow T06"), "{finding}");
    assert!(
        finding.evidence.contains(&"mean red less green more than 8: 20 of 20 files are `sick`".to_owned()),
        "{finding}"
    );
    // A tendency is what honest pictures have: three in four are right here, of which too much may be chance.
    let found = forty(|class, i| {
        let is_red = (class == 0) == (i % 4 != 0);
        tinted(2 * i + class, [if is_red { 95 } else { 80 }, 80, 80])
    });
    assert_eq!(found, []);
    // Where the files tell as well, it is them that are told.
    let found = forty(|class, i| {
        let picture = RgbImage::from_pixel(
            16,
            16,
            Rgb(if class == 0 { [90 + i as u8, 9, 9] } else { [9, 9, 90 + i as u8] }),
        );
        encode(&picture.into(), if class == 0 { Png } else { ImageFormat::Bmp })
    });
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].severity, &found[0].what[..9]), (Severity::Warning, "file type"));
}

#[test]
fn copies_do_not_answer_for_each_other() {
    // Twenty groups of two pictures, each there six times and as wide as by chance: a rule found on five copies would be right about
    // the sixth, and is worth nothing.
    let mut state = 7u32;
    let mut draw = |below: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) % below
    };
    let root = folder();
    for class in 0..20u32 {
        for picture in 0..2u32 {
            let bytes = noisy_png(40 + draw(400), 40, u64::from(2 * class + picture));
            for copy in 0..6 {
                write(root.path(), &format!("{class}/{picture}-{copy}.png"), &bytes);
            }
        }
    }
    let survey = survey(root.path());
    let copies = Copies::find(&survey, &StoreOptions::default()).expect("nobody cancels");
    assert_eq!(copies.groups.len(), 40);
    assert_eq!(check::shortcut(&survey, &copies), None);
    let unknown = check::shortcut(&survey, &Copies::default()).expect("copies answer for each other");
    assert!(unknown.diagnostic.what.starts_with("width alone tells"), "{unknown:?}");
}

#[test]
fn a_series_counts_as_one_and_stays_together() {
    // Each of eight patients has a width of their own, and six visits: what tells the patient tells the group.
    let root = folder();
    for patient in 0..8u32 {
        for visit in 0..6u32 {
            let name = format!("{}/p{patient}_{visit}.png", ["sick", "well"][patient as usize % 2]);
            let width = if patient % 2 == 0 { 40 } else { 60 };
            write(root.path(), &name, &noisy_png(width, 30, u64::from(10 * patient + visit)));
        }
    }
    let shortcut = |group_by: Option<&str>| {
        let options = OpenOptions { group_by: group_by.map(str::to_owned), ..OpenOptions::default() };
        let dataset = Arc::new(Dataset::open(root.path(), &options).expect("it can be opened"));
        let survey = Survey::of(&dataset, &StoreOptions::default()).expect("nobody cancels");
        check::shortcut(&survey, &Copies::default()).map(|finding| finding.diagnostic.what)
    };
    assert_eq!(shortcut(None).as_deref(), Some("width alone tells the group of 100 % of the files"));
    assert_eq!(shortcut(Some("p[0-9]+")), None, "eight patients prove nothing");
}

#[test]
fn many_classes_take_more_questions() {
    let root = folder();
    for i in 0..100u32 {
        write(root.path(), &format!("{}/{i}.png", i % 10), &noisy_png(20 + 4 * (i % 10), 30, u64::from(i)));
    }
    let found = findings(root.path());
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!(finding.what, "width alone tells the group of 100 % of the files");
    assert_eq!(finding.evidence.len(), 10, "{finding}");
}

#[test]
fn a_rare_class_that_the_files_tell_is_a_shortcut() {
    let root = folder();
    for i in 0..200u32 {
        let (group, format) = if i % 20 == 0 { ("rare", Png) } else { ("usual", Jpeg) };
        write(root.path(), &format!("{group}/{i}.jpg"), &shot(16, 16 + i % 7, format));
    }
    let found = findings(root.path());
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert!(finding.what.starts_with("file type alone tells the group of 100 %"), "{finding}");
    assert!(finding.why.contains("is 0.95"), "{finding}");
}

#[test]
fn of_labels_the_one_that_files_tell_is_named() {
    let root = folder();
    let mut list = "file,labels\n".to_owned();
    for i in 0..80u32 {
        let (is_red, is_dress) = (i % 2 == 0, i / 2 % 2 == 0);
        let format = if is_dress { Png } else { Jpeg };
        write(root.path(), &format!("{i}.jpg"), &shot(16, 16 + i % 7, format));
        let labels = [(is_red, "red"), (is_dress, "dress"), (true, "cloth")];
        let labels: Vec<&str> =
            labels.into_iter().filter(|(is_so, _)| *is_so).map(|(_, label)| label).collect();
        list.extend([&format!("{i}.jpg"), ",", &labels.join("|"), "\n"]);
    }
    write(root.path(), "labels.csv", list.as_bytes());
    let found = findings(root.path());
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert_eq!(finding.what, "file type alone tells whether `dress` is a label of 100 % of the files");
    assert!(finding.evidence.contains(&"JPEG: 40 of 40 files are not `dress`".to_owned()), "{finding}");
}

#[test]
fn where_only_bytes_differ_what_is_shown_may_be_the_reason() {
    let found =
        forty(|class, i| if class == 0 { plain_png(16, 16, [i as u8, 0, 0]) } else { shot(16, 16, Png) });
    let [finding] = &found[..] else { panic!("{found:?}") };
    assert!(finding.what.starts_with("size in bytes alone tells the group of 100 %"), "{finding}");
    assert_eq!(finding.severity, Severity::Note);
    assert!(finding.fix.contains("plain things take fewer bytes"), "{finding}");
}

#[test]
fn sizes_that_differ_alike_in_all_classes_are_no_shortcut() {
    let formats = [Png, Jpeg];
    let found = forty(|_, i| shot(20 + 7 * (i as u32 % 5), 20 + 5 * (i as u32 % 3), formats[i % 2]));
    assert_eq!(found, []);
    // A rule for a few files of each class is not enough.
    let found = forty(|class, i| shot(16, 16, if class == 0 && i < 2 { Png } else { Jpeg }));
    assert_eq!(found, []);
}

#[test]
fn sizes_at_random_tell_nothing() {
    // Of so many questions some fit the files that they were chosen by; others they do not.
    for seed in 0..12u32 {
        let mut state = seed;
        let mut draw = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            8 + (state >> 24) % 48
        };
        let sides: Vec<[u32; 2]> = (0..40).map(|_| [draw(), draw()]).collect();
        let found = forty(|class, i| shot(sides[2 * i + class][0], sides[2 * i + class][1], Png));
        assert_eq!(found, [], "{seed}");
    }
}

#[test]
fn a_slight_difference_is_no_shortcut() {
    // 62 of 100 of one class are PNG and 38 of the other: right for 0.62 of 200, the interval of which begins at 0.55.
    let of_type = |of_first: usize| {
        let root = folder();
        for i in 0..200 {
            let is_png = if i % 2 == 0 { i / 2 < of_first } else { i / 2 >= of_first };
            let format = if is_png { Png } else { Jpeg };
            write(root.path(), &format!("{}/{i}.jpg", ["sick", "well"][i % 2]), &shot(8, 8, format));
        }
        findings(root.path()).len()
    };
    assert_eq!((of_type(62), of_type(80)), (0, 1));
}

#[test]
fn too_few_files_prove_nothing() {
    let root = folder();
    for i in 0..39 {
        write(root.path(), &format!("{}/{i}.png", ["a", "b"][i % 2]), &shot(8 + 8 * (i as u32 % 2), 8, Png));
    }
    assert_eq!(findings(root.path()), []);
}

#[test]
fn the_most_frequent_class_is_no_shortcut() {
    // Nine of ten are of one class, and answering it always is right as often.
    let root = folder();
    for i in 0..100 {
        let group = if i % 10 == 0 { "rare" } else { "usual" };
        write(root.path(), &format!("{group}/{i}.png"), &shot(10 + i as u32 % 7, 10, Png));
    }
    assert_eq!(findings(root.path()), []);
}
