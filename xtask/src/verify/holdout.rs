//! A test part for a set that is one list.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Every how manieth row is kept from training. Lists come sorted by label, so each label keeps its share.
const STRIDE: usize = 5;

/// Writes the rows of `set/labels.csv` to a list to train on and one to test on, and returns their paths.
pub(crate) fn lists(set: &Path, work: &Path) -> Result<(PathBuf, PathBuf)> {
    let source = set.join("labels.csv");
    let mut reader = csv::Reader::from_path(&source).with_context(|| source.display().to_string())?;
    let header = reader.headers().with_context(|| source.display().to_string())?.clone();
    let file = header.iter().position(|name| name == "file");
    let file = file.with_context(|| format!("{}: no column `file`", source.display()))?;

    let paths = [work.join("train.csv"), work.join("test.csv")];
    let mut writers = Vec::new();
    for path in &paths {
        let mut writer = csv::Writer::from_path(path).with_context(|| path.display().to_string())?;
        writer.write_record(&header)?;
        writers.push(writer);
    }
    for (row, record) in reader.records().enumerate() {
        let record = record.with_context(|| source.display().to_string())?;
        let image = set.join(&record[file]);
        ensure!(image.is_file(), "{}: there is no such file (row {})", image.display(), row + 1);
        let image = image.to_string_lossy();
        let fields = record.iter().enumerate().map(|(i, field)| if i == file { &*image } else { field });
        writers[usize::from(row % STRIDE == 0)].write_record(fields)?;
    }
    for writer in &mut writers {
        writer.flush()?;
    }
    let [training, test] = paths;
    Ok((training, test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn each_row_goes_to_one_list_with_a_path_that_leads_to_its_file() -> Result<()> {
        let folder = std::env::temp_dir().join(format!("divvy-holdout-{}", std::process::id()));
        let (set, work) = (folder.join("set"), folder.join("work"));
        fs::create_dir_all(&set)?;
        fs::create_dir_all(&work)?;
        let mut list = vec!["file,labels".to_owned()];
        for i in 0..10 {
            fs::write(set.join(format!("{i}, x.jpg")), "")?;
            list.push(format!("\"{i}, x.jpg\",red dress"));
        }
        fs::write(set.join("labels.csv"), list.join("\n"))?;

        let (training, test) = lists(&set, &work)?;
        let files = |list: &Path| -> Result<Vec<PathBuf>> {
            let mut reader = csv::Reader::from_path(list)?;
            reader.records().map(|row| Ok(PathBuf::from(&row?[0]))).collect()
        };
        let (training, test) = (files(&training)?, files(&test)?);
        fs::remove_dir_all(&folder)?;

        assert_eq!(test, [set.join("0, x.jpg"), set.join("5, x.jpg")]);
        assert_eq!(training.len(), 8);
        assert!(training.iter().all(|file| !test.contains(file)));
        Ok(())
    }
}
