//! The caches that the machine reports.

use std::fs;
use std::path::Path;

/// Bytes of the first processor's caches: `l1` (data) and `l2` are those of one core, `l3` is shared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Caches {
    /// The first level, for data.
    pub l1: usize,
    /// The second level.
    pub l2: usize,
    /// The last level.
    pub l3: usize,
    /// Whether the system told all three; what it did not tell is as in [`Caches::USUAL`].
    pub reported: bool,
}

impl Caches {
    /// What is assumed where the system does not tell.
    pub const USUAL: Self = Self { l1: 32 << 10, l2: 1 << 20, l3: 32 << 20, reported: false };

    /// The largest cache that is believed: memory for measuring is sized by it.
    const LARGEST: usize = 1 << 30;

    /// Those of this machine, where Linux tells them.
    pub fn of_this_machine() -> Self {
        Self::read(Path::new("/sys/devices/system/cpu/cpu0/cache"))
    }

    /// From a folder as Linux has it (Documentation/ABI/testing/sysfs-devices-system-cpu): `index0/level`, `type` and `size`.
    fn read(folder: &Path) -> Self {
        let mut levels = [None; 3];
        for index in 0..16 {
            let cache = folder.join(format!("index{index}"));
            let text =
                |name: &str| fs::read_to_string(cache.join(name)).unwrap_or_default().trim().to_owned();
            let level = text("level").parse::<usize>().ok().filter(|level| (1..=3).contains(level));
            let (Some(level), Some(size)) = (level, bytes(&text("size"))) else { continue };
            if text("type") != "Instruction" {
                levels[level - 1] = Some(size);
            }
        }
        let [l1, l2, l3] = levels;
        let usual = Self::USUAL;
        // A level is at least as large as the one below it: a machine without a third has its second as the last.
        let l1 = l1.unwrap_or(usual.l1);
        let l2 = l2.unwrap_or(usual.l2).max(l1);
        let l3 = l3.unwrap_or(usual.l3).max(l2);
        Self { l1, l2, l3, reported: levels.iter().all(Option::is_some) }
    }

    /// The `f32`s that [`Limits::measure`](super::Limits::measure) needs to lie well outside the caches: four times the last level, and 64
    /// MiB at the least.
    pub fn memory_len(&self) -> usize {
        (4 * self.l3).max(64 << 20) / size_of::<f32>()
    }
}

/// `48K` or `32M` in bytes.
fn bytes(text: &str) -> Option<usize> {
    let (number, unit) = match text.as_bytes().last()? {
        b'K' => (&text[..text.len() - 1], 1 << 10),
        b'M' => (&text[..text.len() - 1], 1 << 20),
        _ => (text, 1),
    };
    let size = number.parse::<usize>().ok()?.checked_mul(unit)?;
    (1..=Caches::LARGEST).contains(&size).then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder of caches, each a line of level, type and size.
    fn folder(name: &str, caches: &[[&str; 3]]) -> Caches {
        let folder = std::env::temp_dir().join(format!("divvy-caches-{}-{name}", std::process::id()));
        for (index, files) in caches.iter().enumerate() {
            let cache = folder.join(format!("index{index}"));
            fs::create_dir_all(&cache).unwrap();
            for (file, content) in ["level", "type", "size"].iter().zip(files) {
                fs::write(cache.join(file), format!("{content}\n")).unwrap();
            }
        }
        let found = Caches::read(&folder);
        // Nothing was made where there are no caches.
        let _ = fs::remove_dir_all(folder);
        found
    }

    #[test]
    fn sizes_are_read_as_linux_writes_them() {
        let epyc = [
            ["1", "Data", "48K"],
            ["1", "Instruction", "64K"],
            ["2", "Unified", "1024K"],
            ["3", "Unified", "32M"],
        ];
        let expected = Caches { l1: 48 << 10, l2: 1 << 20, l3: 32 << 20, reported: true };
        assert_eq!(folder("epyc", &epyc), expected);
    }

    #[test]
    fn what_is_missing_or_absurd_is_assumed() {
        assert_eq!(folder("none", &[]), Caches::USUAL);
        let odd = [
            ["1", "Data", "48K"],
            ["2", "Unified", "99999999999999M"],
            ["7", "Unified", "1K"],
            ["3", "Unified", ""],
        ];
        assert_eq!(folder("odd", &odd), Caches { l1: 48 << 10, ..Caches::USUAL });
        let large = folder("large", &[["1", "Data", "2M"], ["2", "Unified", "64M"]]);
        assert_eq!((large.l1, large.l2, large.l3, large.reported), (2 << 20, 64 << 20, 64 << 20, false));
    }

    #[test]
    fn memory_lies_outside_the_caches_and_stays_bounded() {
        assert_eq!(Caches::USUAL.memory_len() * 4, 128 << 20);
        let largest = Caches { l3: Caches::LARGEST, ..Caches::USUAL };
        assert_eq!(largest.memory_len() * 4, 4 << 30);
    }
}
