//! Sorts that are stopped at every step and run again.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::disk::{Disk, Local};
use super::*;

/// A disk that works for a number of steps and then never again, as if the machine had been switched off.
struct Failing {
    steps: Cell<usize>,
    /// Whether it says that every renaming would lead to another disk.
    crosses: bool,
}

impl Failing {
    fn after(steps: usize, crosses: bool) -> Self {
        Self { steps: Cell::new(steps), crosses }
    }

    /// Does a step, or breaks off in the middle of it.
    fn step<T>(&self, whole: impl FnOnce() -> io::Result<T>, half: impl FnOnce()) -> io::Result<T> {
        match self.steps.get() {
            0 => Err(io::Error::other("switched off")),
            1 => {
                self.steps.set(0);
                half();
                Err(io::Error::other("switched off"))
            }
            left => {
                self.steps.set(left - 1);
                whole()
            }
        }
    }
}

impl Disk for Failing {
    fn append(&self, file: &mut File, bytes: &[u8]) -> io::Result<()> {
        let mut half = file.try_clone()?;
        self.step(|| file.write_all(bytes), || half.write_all(&bytes[..bytes.len() / 2]).unwrap())
    }

    fn cut(&self, file: &mut File, end: u64) -> io::Result<()> {
        self.step(|| Local.cut(file, end), || ())
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|| fs::create_dir(path), || ())
    }

    fn claim(&self, path: &Path) -> io::Result<()> {
        self.step(|| Local.claim(path), || ())
    }

    fn copy(&self, from: &Path, to: &Path) -> io::Result<()> {
        let half = || {
            let bytes = fs::read(from).unwrap();
            fs::write(to, &bytes[..bytes.len() / 2]).unwrap();
        };
        self.step(|| Local.copy(from, to), half)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.crosses && from.parent() != to.parent() {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        self.step(|| Local.rename(from, to), || ())
    }

    fn hard_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        if self.crosses {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        self.step(|| Local.hard_link(from, to), || ())
    }

    fn symbolic_link(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|| Local.symbolic_link(from, to), || ())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step(|| Local.remove(path), || ())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|| Local.remove_folder(path), || ())
    }
}

/// Pictures in a folder, two of a name, and something in the way of one of them.
struct Scene {
    root: TempDir,
}

impl Scene {
    fn new() -> Self {
        let scene = Self { root: tempfile::tempdir().unwrap() };
        for name in ["a.jpg", "holiday/a.jpg", "holiday/deep/b.png", "c.jpg"] {
            scene.write(&format!("photos/{name}"), &format!("picture {name}"));
        }
        scene.write("sorted/cats/a.jpg", "someone else's");
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn write(&self, name: &str, content: &str) {
        fs::create_dir_all(self.path(name).parent().unwrap()).unwrap();
        fs::write(self.path(name), content).unwrap();
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Sorts the photos: the c's are dogs, everything else is a cat. How many there were to sort.
    fn sort(&self, mode: Mode) -> usize {
        self.sort_on(Box::new(Local), &self.path("sorted"), mode).unwrap()
    }

    fn sort_on(&self, disk: Box<dyn Disk>, into: &Path, mode: Mode) -> Result<usize, SortError> {
        let (mut sorter, gathered) = Sorter::open_on(disk, &self.path("photos"), into, mode)?;
        for item in &gathered.pending {
            let group = if item.name.starts_with("c.jpg") { "dogs" } else { "cats" };
            sorter.place(item, group, group, Some(0.9))?;
        }
        Ok(gathered.pending.len())
    }

    /// Every file below `folder` with what it holds, but for the record.
    fn files(&self, folder: &str) -> BTreeMap<String, String> {
        let base = self.path(folder);
        let files =
            walkdir::WalkDir::new(&base).into_iter().map(Result::unwrap).filter(|e| !e.file_type().is_dir());
        files
            .map(walkdir::DirEntry::into_path)
            .filter(|path| !path.ends_with(SORTED) && !path.ends_with(SET_ASIDE))
            .map(|path| {
                (path.strip_prefix(&base).unwrap().display().to_string(), fs::read_to_string(&path).unwrap())
            })
            .collect()
    }

    /// The record's first two columns, the first below the photos' folder.
    fn record(&self) -> Vec<(String, String)> {
        let photos = self.path("photos");
        let mut reader = csv::Reader::from_path(self.path("sorted/sorted.csv")).unwrap();
        let rows = reader.records().map(|row| {
            let row = row.unwrap();
            let file = Path::new(&row[0]).strip_prefix(&photos).unwrap();
            (file.display().to_string(), row[1].to_owned())
        });
        rows.collect()
    }
}

/// What a scene holds when all is sorted.
fn sorted_files() -> BTreeMap<String, String> {
    [
        ("cats/a.jpg", "someone else's"),
        ("cats/a-2.jpg", "picture a.jpg"),
        ("cats/holiday/a.jpg", "picture holiday/a.jpg"),
        ("cats/holiday/deep/b.png", "picture holiday/deep/b.png"),
        ("dogs/c.jpg", "picture c.jpg"),
    ]
    .map(|(name, content)| (name.to_owned(), content.to_owned()))
    .into()
}

const MODES: [Mode; 3] = [Mode::Copy, Mode::Move, Mode::Link];

#[test]
fn each_picture_goes_to_its_group_and_nothing_is_written_over() {
    for mode in MODES {
        let scene = Scene::new();
        let before = scene.files("photos");
        assert_eq!(scene.sort(mode), 4);
        assert_eq!(scene.files("sorted"), sorted_files(), "{mode:?}");
        assert_eq!(
            scene.files("photos"),
            if mode == Mode::Move { BTreeMap::new() } else { before },
            "{mode:?}"
        );
        let mut record = scene.record();
        record.sort();
        assert_eq!(record[0], ("a.jpg".to_owned(), "cats/a-2.jpg".to_owned()));
        assert_eq!(record.len(), 4);
    }
}

#[test]
fn a_sort_stopped_at_any_step_is_finished_by_the_next() {
    for (mode, crosses) in MODES.into_iter().flat_map(|mode| [(mode, false), (mode, true)]) {
        let mut stops = 0;
        loop {
            let scene = Scene::new();
            let (into, originals) = (scene.path("sorted"), scene.files("photos"));
            let first = scene.sort_on(Box::new(Failing::after(stops + 1, crosses)), &into, mode);

            let (here, there) = (scene.files("photos"), scene.files("sorted"));
            for content in originals.values() {
                let is_somewhere = here.values().chain(there.values()).any(|found| found == content);
                assert!(is_somewhere, "{mode:?} stopped after {stops} steps lost {content}");
            }

            scene.sort_on(Box::new(Failing::after(usize::MAX, crosses)), &into, mode).unwrap();
            assert_eq!(scene.files("sorted"), sorted_files(), "{mode:?} stopped after {stops} steps");
            let left = if mode == Mode::Move { BTreeMap::new() } else { originals };
            assert_eq!(scene.files("photos"), left, "{mode:?} stopped after {stops} steps");
            assert_eq!(scene.record().len(), 4, "{mode:?} stopped after {stops} steps");
            if first.is_ok() {
                break;
            }
            stops += 1;
        }
        assert!(stops > 12, "{mode:?} has only {stops} steps to stop at");
    }
}

#[test]
fn a_second_sort_does_nothing_twice_and_takes_up_what_is_new() {
    for mode in MODES {
        let scene = Scene::new();
        scene.sort(mode);
        assert_eq!(scene.sort(mode), 0);
        scene.write("photos/c.jpg", "another picture of that name");
        scene.write("photos/d.jpg", "a new picture");
        assert_eq!(scene.sort(mode), 2);
        assert_eq!(scene.read("sorted/dogs/c-2.jpg"), "another picture of that name");
        assert_eq!(scene.read("sorted/cats/d.jpg"), "a new picture");
        // A second name of one file changes with it; copies and moved pictures do not.
        if mode != Mode::Link {
            assert_eq!(scene.read("sorted/dogs/c.jpg"), "picture c.jpg");
        }
    }
}

#[test]
fn what_was_copied_can_be_moved_later_without_a_second_copy() {
    let scene = Scene::new();
    scene.sort(Mode::Copy);
    scene.sort(Mode::Move);
    assert_eq!(scene.files("sorted"), sorted_files());
    assert_eq!(scene.files("photos"), BTreeMap::new());
}

#[test]
fn a_copy_keeps_time_and_permissions() {
    let scene = Scene::new();
    let source = scene.path("photos/c.jpg");
    let time = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    File::options().write(true).open(&source).unwrap().set_modified(time).unwrap();
    let mut permissions = fs::metadata(&source).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&source, permissions).unwrap();
    scene.sort(Mode::Copy);
    let copy = fs::metadata(scene.path("sorted/dogs/c.jpg")).unwrap();
    assert_eq!(copy.modified().unwrap(), time);
    assert!(copy.permissions().readonly());
}

#[test]
fn sorting_into_a_folder_within_leaves_it_out() {
    let scene = Scene::new();
    for sorted in [4, 0] {
        let into = scene.path("photos/sorted");
        assert_eq!(scene.sort_on(Box::new(Local), &into, Mode::Copy).unwrap(), sorted);
    }
}

#[test]
fn what_cannot_be_sorted_leaves_nothing_behind() {
    let scene = Scene::new();
    let (photos, into) = (scene.path("photos"), scene.path("new"));
    let before = scene.files("photos");
    let itself = Sorter::open(&photos, &scene.path("sorted/../photos"), Mode::Move);
    assert!(matches!(itself, Err(SortError::IntoItself { .. })), "{itself:?}");
    assert_eq!(scene.files("photos"), before);
    for folder in [scene.path("nowhere"), scene.path("sorted/dogs")] {
        let refused = Sorter::open(&folder, &into, Mode::Copy);
        assert!(matches!(refused, Err(SortError::Data(_))), "{refused:?}");
    }
    assert!(!into.exists());
}

#[test]
fn the_unsure_can_be_sorted_again() {
    let scene = Scene::new();
    scene.write("sorted/unsure/x.jpg", "x");
    scene.write("sorted/unsure/y.jpg", "y");
    let (mut sorter, gathered) =
        Sorter::open(&scene.path("sorted/unsure"), &scene.path("sorted"), Mode::Move).unwrap();
    let mut place = |item, group| sorter.place(&gathered.pending[item], group, group, Some(0.6)).unwrap();
    assert_eq!(place(0, UNSURE), Path::new("unsure/x.jpg"));
    assert_eq!(place(1, "dogs"), Path::new("dogs/y.jpg"));
    assert_eq!(
        (scene.read("sorted/unsure/x.jpg"), scene.read("sorted/dogs/y.jpg")),
        ("x".into(), "y".into())
    );
}

#[test]
fn a_file_in_the_way_of_a_folder_is_gone_around() {
    let scene = Scene::new();
    scene.write("sorted/dogs", "a file");
    scene.write("sorted/cats/holiday", "another");
    scene.sort(Mode::Copy);
    assert_eq!(scene.read("sorted/dogs"), "a file");
    assert_eq!(scene.read("sorted/dogs-2/c.jpg"), "picture c.jpg");
    assert_eq!(scene.read("sorted/cats/holiday-2/deep/b.png"), "picture holiday/deep/b.png");
}

#[test]
fn one_sort_at_a_time() {
    let scene = Scene::new();
    let open = || Sorter::open(&scene.path("photos"), &scene.path("sorted"), Mode::Copy);
    let first = open().unwrap();
    assert!(matches!(open(), Err(SortError::Busy { .. })));
    drop(first);
    open().unwrap();
}

#[test]
fn a_file_of_the_records_name_that_is_no_record_is_left_alone() {
    let torn_within = "file,destination,label,probability,bytes,modified\nx,y\nz,w\n";
    for content in ["my,own,table\n1,2,3\n", torn_within, "hello"] {
        let scene = Scene::new();
        scene.write("sorted/sorted.csv", content);
        let opened = Sorter::open(&scene.path("photos"), &scene.path("sorted"), Mode::Copy);
        assert!(matches!(opened, Err(SortError::ForeignRecord { .. })), "{content}: {opened:?}");
        assert_eq!(scene.read("sorted/sorted.csv"), content);
    }
}

#[cfg(unix)]
#[test]
fn names_that_are_not_text_and_links_are_sorted_too() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let scene = Scene::new();
    let odd = OsStr::from_bytes(b"n\xffot,\"text\"\n.jpg");
    fs::write(scene.path("photos").join(odd), "odd").unwrap();
    fs::create_dir(scene.path("other")).unwrap();
    fs::write(scene.path("other/target.jpg"), "far").unwrap();
    std::os::unix::fs::symlink("../other/target.jpg", scene.path("photos/link.jpg")).unwrap();
    for expected in [6, 0] {
        assert_eq!(scene.sort(Mode::Move), expected);
    }
    assert_eq!(fs::read_to_string(scene.path("sorted/cats").join(odd)).unwrap(), "odd");
    assert_eq!(scene.read("sorted/cats/link.jpg"), "far");
    assert_eq!(scene.read("other/target.jpg"), "far");
    assert!(!fs::symlink_metadata(scene.path("sorted/cats/link.jpg")).unwrap().is_symlink());
}

impl Scene {
    /// The pictures of the scene that are suspect: all but the c's, and one that is empty.
    fn set_aside_on(&self, disk: Box<dyn Disk>) -> Result<(), SortError> {
        let mut sorter = Sorter::begin(disk, &self.path("aside"), SET_ASIDE, Mode::Move)?;
        for name in ["a.jpg", "empty.png", "holiday/a.jpg", "holiday/deep/b.png"] {
            let (path, name) = (self.path("photos").join(name), PathBuf::from(name));
            if path.exists() {
                sorter.place(&Item { path, name }, "P09-blank-picture", "P09", None)?;
            }
        }
        Ok(())
    }

    fn put_back_on(&self, disk: Box<dyn Disk>) -> Result<Vec<Returned>, SortError> {
        let mut back = PutBack::open_on(disk, &self.path("aside"))?;
        let mut returned = Vec::new();
        while let Some(one) = back.next_back()? {
            returned.push(one);
        }
        Ok(returned)
    }
}

#[test]
fn what_is_set_aside_keeps_its_path_and_comes_back() {
    let scene = Scene::new();
    scene.write("photos/empty.png", "");
    let before = scene.files("photos");
    scene.set_aside_on(Box::new(Local)).unwrap();
    assert_eq!(scene.files("photos").into_keys().collect::<Vec<_>>(), ["c.jpg"]);
    assert_eq!(scene.read("aside/P09-blank-picture/holiday/deep/b.png"), "picture holiday/deep/b.png");
    assert_eq!(scene.read("aside/set-aside.csv").lines().count(), 5);
    // Folders that went with their pictures are made again.
    fs::remove_dir_all(scene.path("photos/holiday")).unwrap();
    let returned = scene.put_back_on(Box::new(Local)).unwrap();
    assert!(
        returned.iter().all(|one| matches!(one, Returned::Back(_))) && returned.len() == 4,
        "{returned:?}"
    );
    assert_eq!(scene.files("photos"), before);
    assert!(!scene.path("aside").exists());
    let again = PutBack::open(&scene.path("aside"));
    assert!(matches!(again, Err(SortError::NothingAside { .. })), "{again:?}");
}

#[test]
fn nothing_is_lost_at_whatever_step_a_move_or_its_return_stops() {
    for (crosses, returns) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut stops = 0;
        loop {
            let scene = Scene::new();
            scene.write("photos/empty.png", "");
            let originals = scene.files("photos");
            let failing = Box::new(Failing::after(stops + 1, crosses));
            let first = if returns {
                scene.set_aside_on(Box::new(Local)).unwrap();
                scene.put_back_on(failing).map(drop)
            } else {
                scene.set_aside_on(failing)
            };
            let told = format!("crosses {crosses}, returns {returns}, stopped after {stops} steps");
            let (here, there) = (scene.files("photos"), scene.files("aside"));
            for content in originals.values() {
                assert!(
                    here.values().chain(there.values()).any(|found| found == content),
                    "{told}: {content}"
                );
            }
            // Whether the one or the other was interrupted, all can be put back.
            match scene.put_back_on(Box::new(Failing::after(usize::MAX, crosses))) {
                Ok(_) => assert!(!scene.path("aside").exists(), "{told}"),
                Err(error) => assert!(matches!(error, SortError::NothingAside { .. }), "{told}: {error}"),
            }
            assert_eq!(scene.files("photos"), originals, "{told}");
            if first.is_ok() {
                break;
            }
            stops += 1;
        }
        assert!(stops > 12, "only {stops} steps to stop at");
    }
}

#[test]
fn what_came_into_the_place_meanwhile_stays_there() {
    let scene = Scene::new();
    scene.set_aside_on(Box::new(Local)).unwrap();
    scene.write("photos/a.jpg", "another picture");
    fs::remove_file(scene.path("aside/P09-blank-picture/holiday/a.jpg")).unwrap();
    scene.write("aside/mine.txt", "notes");
    let returned = scene.put_back_on(Box::new(Local)).unwrap();
    let photos = scene.path("photos").canonicalize().unwrap();
    let names: Vec<Returned> = returned
        .into_iter()
        .map(|one| match one {
            Returned::Renamed { from, to } => {
                let below = |path: PathBuf| photos.join(path.file_name().unwrap());
                Returned::Renamed { from: below(from), to: below(to) }
            }
            other => other,
        })
        .collect();
    let [Returned::Back(_), Returned::Missing(missing), Returned::Renamed { from, to }] = &names[..] else {
        panic!("{names:?}")
    };
    assert!(missing.ends_with("holiday/a.jpg"));
    assert_eq!((from, to), (&photos.join("a.jpg"), &photos.join("a-2.jpg")));
    assert_eq!(
        (scene.read("photos/a.jpg"), scene.read("photos/a-2.jpg")),
        ("another picture".into(), "picture a.jpg".into())
    );
    assert_eq!(scene.read("aside/mine.txt"), "notes");
}
