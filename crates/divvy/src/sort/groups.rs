//! What the folders of groups are called.

use std::collections::HashSet;

/// The folder of pictures that the classifier is not sure about.
pub const UNSURE: &str = "unsure";

/// The folder of pictures that carry none of the labels.
const NONE: &str = "none";

/// Between the labels of a picture that carries several.
const JOINT: char = '+';

/// The longest folder name in bytes, well below the 255 of common file systems.
const LONGEST: usize = 120;

/// Names that mean something else to Windows, with any extension.
const DEVICES: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
    "lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// A folder name for each group, whatever the groups are called.
///
/// A group's folder has its name, except that what a folder cannot be called on some system (`/`, `..`, `nul`, control
/// characters) becomes `_`, names that mean something here (`unsure`) get a `_` at the end, and of two groups that
/// would then have the same folder, upper and lower case being one, the second gets a number.
///
/// Where a picture can carry several labels, it goes to the folder of all of them together, as in `red+dress`, and one
/// without any to `none`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupFolders {
    folders: Vec<String>,
}

impl GroupFolders {
    /// Folders for groups or labels of these names, in their order.
    pub fn new(classes: &[String]) -> Self {
        let mut taken = HashSet::from([UNSURE.to_owned(), NONE.to_owned()]);
        let folders = classes.iter().map(|class| free_folder(class, &mut taken)).collect();
        Self { folders }
    }

    /// The folder of a picture with these classes: one where groups exclude each other, any number of labels otherwise.
    ///
    /// # Panics
    /// If a class is out of range.
    pub fn of(&self, classes: &[usize]) -> String {
        let names: Vec<&str> = classes.iter().map(|&class| self.folders[class].as_str()).collect();
        match names[..] {
            [] => NONE.to_owned(),
            [name] => name.to_owned(),
            _ => bounded(&names.join(&JOINT.to_string())),
        }
    }
}

/// A folder name for a group that no group before it has.
fn free_folder(class: &str, taken: &mut HashSet<String>) -> String {
    let wanted = bounded(&permitted(class));
    // Names of our own are marked rather than numbered: `unsure-2` would look like more of `unsure`.
    let first = if [UNSURE, NONE].contains(&&*wanted.to_lowercase()) { format!("{wanted}_") } else { wanted };
    let numbered = (2..).map(|number| format!("{first}-{number}"));
    let free = std::iter::once(first.clone()).chain(numbered).find(|name| taken.insert(name.to_lowercase()));
    free.unwrap_or(first)
}

/// The name with everything replaced that some system does not permit.
fn permitted(class: &str) -> String {
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c) || c == JOINT;
    let name: String = class.trim().chars().map(|c| if forbidden(c) { '_' } else { c }).collect();
    // A leading dot hides a folder, a trailing one disappears on Windows; `.` and `..` are both.
    let undotted = name.trim_start_matches('.').trim_end_matches(['.', ' ']);
    let dots = |count: usize| "_".repeat(count);
    let leading = name.len() - name.trim_start_matches('.').len();
    let name = match undotted {
        "" => dots(leading.max(1)),
        _ => format!("{}{undotted}{}", dots(leading), dots(name.len() - leading - undotted.len())),
    };
    let stem = name.split('.').next().unwrap_or_default().to_lowercase();
    if DEVICES.contains(&stem.as_str()) { format!("{name}_") } else { name }
}

/// The name itself where it is short enough; otherwise its beginning and a number that stands for the whole.
fn bounded(name: &str) -> String {
    if name.len() <= LONGEST {
        return name.to_owned();
    }
    format!("{}~{:08x}", &name[..name.floor_char_boundary(LONGEST - 9)], checksum(name))
}

/// FNV-1a: the same on every machine and in every version, as a name must be.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folders(classes: &[&str]) -> Vec<String> {
        GroupFolders::new(&classes.iter().map(|class| (*class).to_owned()).collect::<Vec<_>>()).folders
    }

    #[test]
    fn usual_names_stay() {
        assert_eq!(
            folders(&["cats", "T-shirt_top", "Ankle boot", "été 2024", "v1.5"]),
            ["cats", "T-shirt_top", "Ankle boot", "été 2024", "v1.5"]
        );
    }

    #[test]
    fn no_name_leads_out_of_the_folder_or_means_something_else() {
        let odd =
            ["a/b", "..", ".", "../../etc", "c:\\x", "", " ", "x.", ".x", "nul", "Con.txt", "a\nb", "a+b"];
        assert_eq!(
            folders(&odd),
            [
                "a_b",
                "__",
                "_",
                "___.._etc",
                "c__x",
                "_-2",
                "_-3",
                "x_",
                "_x",
                "nul_",
                "Con.txt_",
                "a_b-2",
                "a_b-3"
            ]
        );
    }

    #[test]
    fn names_of_our_own_are_kept_free() {
        assert_eq!(folders(&["unsure", "Unsure", "none", "sure"]), ["unsure_", "Unsure_-2", "none_", "sure"]);
    }

    #[test]
    fn no_two_groups_share_a_folder() {
        assert_eq!(folders(&["Cat", "cat", "a/b", "a_b"]), ["Cat", "cat-2", "a_b", "a_b-2"]);
    }

    #[test]
    fn labels_go_together() {
        let folders = GroupFolders::new(&["red".to_owned(), "dress".to_owned(), "a+b".to_owned()]);
        assert_eq!(folders.of(&[0]), "red");
        assert_eq!(folders.of(&[0, 1]), "red+dress");
        assert_eq!(folders.of(&[1, 2]), "dress+a_b");
        assert_eq!(folders.of(&[]), "none");
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        let classes: Vec<String> = (0..40).map(|i| format!("a rather long label {i}")).collect();
        let folders = GroupFolders::new(&classes);
        let all: Vec<usize> = (0..40).collect();
        let (first, second) = (folders.of(&all), folders.of(&all[..39]));
        assert!(first.len() <= LONGEST && second.len() <= LONGEST);
        assert_ne!(first, second);
        assert_eq!(checksum("foobar"), 0xbf9c_f968, "the published test vector");
    }
}
