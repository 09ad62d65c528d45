//! What a colour profile is called.

/// Names of profiles that are sRGB, or so like it that no byte differs, in lower case. `c2` is what large sites put into
/// pictures: sRGB in a few bytes.
const SRGB: [&str; 3] = ["srgb", "c2", "urgb"];

/// The description of an ICC profile that is not sRGB; `None` for sRGB.
///
/// A profile has 128 bytes of header, a count of tags, then for each its name, offset and length (ICC.1:2022, section 7). The
/// tag `desc` is text in ASCII (version 2) or in UTF-16 for several languages (version 4), of which the first is taken.
pub(super) fn beyond_srgb(icc: &[u8]) -> Option<String> {
    let name = description(icc).unwrap_or_default();
    let lower = name.to_lowercase();
    let is_srgb = SRGB.iter().any(|known| lower == *known) || lower.contains("srgb");
    (!is_srgb).then(|| if name.is_empty() { "without a name".to_owned() } else { name })
}

fn description(icc: &[u8]) -> Option<String> {
    let number = |at: usize| Some(u32::from_be_bytes(*icc.get(at..)?.first_chunk()?) as usize);
    let tags = (0..number(128)?.min(100)).map(|i| 132 + 12 * i);
    let tag = tags.into_iter().find(|&at| icc.get(at..at + 4) == Some(b"desc"))?;
    let start = number(tag + 4)?;
    let text = match icc.get(start..start + 4)? {
        b"desc" => {
            let length = number(start + 8)?.min(LONGEST);
            String::from_utf8_lossy(icc.get(start + 12..start + 12 + length)?).into_owned()
        }
        b"mluc" => {
            let (length, offset) = (number(start + 20)?.min(2 * LONGEST), number(start + 24)?);
            let units = icc.get(start.checked_add(offset)?..)?.get(..length)?.chunks_exact(2);
            String::from_utf16_lossy(
                &units.map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>(),
            )
        }
        _ => return None,
    };
    Some(text.chars().filter(|c| !c.is_control()).collect::<String>().trim().to_owned())
}

/// No name is longer than a line.
const LONGEST: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(tag: &[u8]) -> Vec<u8> {
        let mut icc = vec![0; 128];
        icc.extend(1u32.to_be_bytes());
        icc.extend(b"desc");
        icc.extend(144u32.to_be_bytes());
        icc.extend((tag.len() as u32).to_be_bytes());
        icc.extend(tag);
        icc
    }

    #[test]
    fn profiles_are_told_by_their_description() {
        let ascii = |name: &str| {
            profile(&[b"desc\0\0\0\0", &(name.len() as u32).to_be_bytes()[..], name.as_bytes()].concat())
        };
        assert_eq!(beyond_srgb(&ascii("sRGB IEC61966-2.1\0")), None);
        assert_eq!(beyond_srgb(&ascii("c2\0")), None);
        assert_eq!(beyond_srgb(&ascii("Adobe RGB (1998)\0")).as_deref(), Some("Adobe RGB (1998)"));
        let utf16: Vec<u8> = "Display P3".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let header = [
            b"mluc\0\0\0\0\0\0\0\x01\0\0\0\x0cenUS",
            &(utf16.len() as u32).to_be_bytes()[..],
            &28u32.to_be_bytes(),
        ];
        let mluc = profile(&[header.concat(), utf16].concat());
        assert_eq!(beyond_srgb(&mluc).as_deref(), Some("Display P3"));
        for cut in 0..mluc.len() {
            beyond_srgb(&mluc[..cut]);
        }
        assert_eq!(beyond_srgb(b"no profile").as_deref(), Some("without a name"));
    }
}
