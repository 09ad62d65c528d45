//! What an Exif block tells: how a picture is to be turned, and which camera took it.
//!
//! Only the first directory of the block is looked at, and of it two texts of which no more than a line is kept, whatever their
//! lengths claim to be.

use super::directory::Directory;
use image::metadata::Orientation;

/// Tags of the first directory (TIFF 6.0, section 8): who made the camera, and which of theirs it is.
const MAKE: u16 = 271;
const MODEL: u16 = 272;
/// No name is longer than a line.
const LONGEST: usize = 100;

/// How the picture is to be turned; not at all where the block does not tell.
pub(super) fn orientation(exif: Option<&[u8]>) -> Orientation {
    exif.and_then(Orientation::from_exif_chunk).unwrap_or(Orientation::NoTransforms)
}

/// The make and model of the camera, as `Canon EOS 5D`, where the block names either.
pub(super) fn camera(exif: Option<&[u8]>) -> Option<String> {
    let directory = Directory::of(exif?)?;
    let [make, model] = [MAKE, MODEL].map(|tag| directory.text(tag).and_then(line));
    let brand = make.as_deref().and_then(|make| make.split_whitespace().next()).map(str::to_lowercase);
    match (make, model) {
        (Some(make), Some(model)) => {
            // Most models are called by their brand already: `NIKON D90` of the `NIKON CORPORATION`.
            let is_branded = brand.is_some_and(|brand| model.to_lowercase().starts_with(&brand));
            Some(if is_branded { model } else { format!("{make} {model}") })
        }
        (make, model) => model.or(make),
    }
}

/// What there is to read in a text, no more of it than a line.
fn line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(&text[..text.len().min(LONGEST)]);
    let text: String = text.chars().filter(|c| !c.is_control()).collect();
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block with texts behind its one directory.
    fn block(is_big_endian: bool, texts: &[(u16, &[u8])]) -> Vec<u8> {
        let short = |n: u16| if is_big_endian { n.to_be_bytes() } else { n.to_le_bytes() };
        let long = |n: usize| if is_big_endian { (n as u32).to_be_bytes() } else { (n as u32).to_le_bytes() };
        let mut block = if is_big_endian { b"MM\0\x2a".to_vec() } else { b"II\x2a\0".to_vec() };
        block.extend(long(8));
        block.extend(short(texts.len() as u16));
        let mut behind = Vec::new();
        for (tag, text) in texts {
            block.extend([short(*tag), short(2)].concat());
            block.extend(long(text.len()));
            if text.len() <= 4 {
                block.extend_from_slice(text);
                block.resize(block.len() + 4 - text.len(), 0);
            } else {
                block.extend(long(14 + 12 * texts.len() + behind.len()));
                behind.extend_from_slice(text);
            }
        }
        block.extend([0; 4]);
        [block, behind].concat()
    }

    fn found(texts: &[(u16, &[u8])]) -> Option<String> {
        let camera_of = |is_big_endian| camera(Some(&block(is_big_endian, texts)));
        assert_eq!(camera_of(false), camera_of(true));
        camera_of(true)
    }

    #[test]
    fn a_camera_is_its_make_and_model() {
        for (make, model, camera) in [
            ("Canon", "Canon EOS 5D", "Canon EOS 5D"),
            ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
            ("Apple", "iPhone 4", "Apple iPhone 4"),
            ("LGE", "Nexus 5\0 of someone", "LGE Nexus 5"),
            ("  ", "Nexus \n5", "Nexus 5"),
            ("HP", "", "HP"),
        ] {
            let texts =
                [(MAKE, [make.as_bytes(), b"\0"].concat()), (MODEL, [model.as_bytes(), b"\0"].concat())];
            let texts = texts.each_ref().map(|(tag, text)| (*tag, text.as_slice()));
            assert_eq!(found(&texts).as_deref(), Some(camera));
        }
        assert_eq!(found(&[(MODEL, b"D1\0")]).as_deref(), Some("D1"));
        assert_eq!(found(&[(305, b"Some program\0")]), None);
        assert_eq!(found(&[(MAKE, b"\0"), (MODEL, b"    \0")]), None);
    }

    #[test]
    fn a_block_that_breaks_off_or_lies_names_none_or_a_short_one() {
        let whole = block(false, &[(MAKE, b"Canon\0"), (MODEL, b"Canon EOS 5D\0")]);
        for cut in 0..whole.len() {
            camera(Some(&whole[..cut]));
        }
        for at in 0..whole.len() {
            for byte in [0, 1, 0x7f, 0xff] {
                let mut changed = whole.clone();
                changed[at] = byte;
                assert!(camera(Some(&changed)).is_none_or(|camera| camera.len() <= 3 * LONGEST));
            }
        }
        assert_eq!(found(&[(MODEL, &[b'x'; 5000])]).map(|camera| camera.len()), Some(LONGEST));
        assert_eq!((camera(None), camera(Some(b"")), camera(Some(b"Exif\0\0"))), (None, None, None));
    }
}
