//! Suspect pictures: listed, shown on a page, set aside and put back.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use crate::common::Desk;

fn say(desk: &Desk, arguments: &[&str]) -> (i32, String, String) {
    let output = desk.divvy(arguments).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// Photos with a blank one, one that is no picture, and a copy.
fn desk() -> Desk {
    let desk = Desk::with_photos();
    image::RgbImage::from_pixel(30, 20, image::Rgb([9, 9, 9]))
        .save(desk.path("photos/red/<blank>.png"))
        .unwrap();
    desk.write("photos/blue/broken.jpg", "no picture");
    fs::copy(desk.path("photos/blue/0.png"), desk.path("photos/blue/0-copy.png")).unwrap();
    desk
}

fn files(desk: &Desk, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let all = walkdir::WalkDir::new(desk.path(folder)).into_iter().map(Result::unwrap);
    let files = all.filter(|entry| entry.file_type().is_file()).map(walkdir::DirEntry::into_path);
    files.map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

#[test]
fn a_page_and_a_table_show_what_was_found() {
    let desk = desk();
    let (code, text, said) = say(&desk, &["check", "photos", "--report", "look"]);
    assert_eq!(code, 1, "{said}");
    assert!(text.contains("error[P08]") && text.contains("look/index.html"), "{text}");
    let page = fs::read_to_string(desk.path("look/index.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.trim_end().ends_with("</html>"));
    assert!(page.contains("red/<wbr>&lt;blank&gt;.png") && !page.contains("<blank>"), "names are text");
    assert!(page.contains("data:image/png;base64,iVBOR"), "small pictures are kept as they are");
    for outside in ["<script", "http://", "https://", "src=\"/"] {
        assert!(!page.contains(outside), "{outside}");
    }
    let mut table = csv::Reader::from_path(desk.path("look/findings.csv")).unwrap();
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    let of = |rule: &str| rows.iter().filter(|row| &row[0] == rule).collect::<Vec<_>>();
    let [blank] = of("P09")[..] else { panic!("{rows:?}") };
    assert_eq!(
        [&blank[1], &blank[3], &blank[4], &blank[7]],
        ["blank-picture", "red/<blank>.png", "red", "yes"]
    );
    assert_eq!(of("V07").iter().map(|row| &row[7]).collect::<Vec<_>>(), ["no", "yes"]);
}

#[test]
fn suspects_are_set_aside_and_put_back() {
    let desk = desk();
    let before = files(&desk, "photos");
    let (code, text, said) = say(&desk, &["check", "photos", "--move-to", "aside"]);
    assert_eq!(code, 1, "{said}");
    assert!(text.contains("put-back aside"), "{text}");
    assert_eq!(files(&desk, "photos").len(), before.len() - 3);
    assert!(desk.path("aside/P08-unreadable-picture/blue/broken.jpg").is_file());
    assert_eq!(say(&desk, &["check", "photos", "--allow", "V06"]).0, 0);
    let (code, text, said) = say(&desk, &["put-back", "aside"]);
    assert!(code == 0 && text.contains("3  put back"), "{text}{said}");
    assert_eq!(files(&desk, "photos"), before);
    assert!(!desk.path("aside").exists());
    let (code, _, said) = say(&desk, &["put-back", "aside"]);
    assert!(code == 2 && said.contains("nothing is set aside"), "{said}");
}

#[test]
fn only_the_rules_that_are_named_are_moved_and_never_into_the_data() {
    let desk = desk();
    let before = files(&desk, "photos");
    let (code, _, said) = say(&desk, &["check", "photos", "--move-to", "photos/aside"]);
    assert!(code == 2 && said.contains("lies in"), "{said}");
    assert_eq!(files(&desk, "photos"), before);
    say(&desk, &["check", "photos", "--move-to", "aside", "--only", "P09"]);
    assert_eq!(files(&desk, "photos").len(), before.len() - 1);
    let (code, _, said) = say(&desk, &["check", "classic", "--report", "look"]);
    assert!(code == 2 && said.contains("--report"), "{said}");
}
