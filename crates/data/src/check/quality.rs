//! Pictures that show little, or show it otherwise than the rest.

use super::finding::{Finding, Suspect};
use super::{count, percent};
use crate::survey::{Facts, Measures, Survey};
use divvy_rules::{Diagnostic, Rule};

/// The deviation, in steps of 256 of light, below which a picture is blank. A black dot on white reaches it when it covers 1 / 4,000
/// of the picture, and the noise of a JPEG file of one colour stays below 2.
const BLANK: f32 = 4.0;
/// Very dark is a picture of which 99 pixels in a hundred are darker than a quarter of the range. The darkest of `cats-dogs` has 106 there, a
/// white dog before black; a mean would call that one dark.
const DARK: u8 = 64;
/// Very bright is one of which 99 pixels in a hundred are brighter than three quarters.
const BRIGHT: u8 = 191;
/// Where more pictures than this share are so, that is how these pictures are, and nothing is wrong with one of them.
const HOW_THEY_ARE: f64 = 0.1;
/// The sharpness above which no picture is called blurred, however sharp the others are: edges that rise within a pixel or two.
const SHARP: f64 = 1.0;
/// The fence below which a value is an outlier, in interquartile ranges below the lower quartile (Tukey 1977).
const FENCE: f64 = 1.5;
/// A side this many times shorter than the usual one is tiny...
const TIMES_SHORTER: u32 = 4;
/// ...if it is also shorter than this, in pixels: enough for most networks.
const SMALL: u32 = 128;
/// How many times wider or higher than the usual shape an odd one is.
const TIMES_ODD: f64 = 2.5;
/// With fewer pictures, there is nothing that is usual.
const FEWEST: usize = 20;

/// Pictures that show little, or show it otherwise than the rest.
///
/// - [`P09`](Rule::P09), a warning: of one colour.
/// - [`P10`](Rule::P10), a note: very dark or very bright, where few of the set are.
/// - [`P11`](Rule::P11), a note: blurred beside the rest of the set.
/// - [`P12`](Rule::P12), a note: tiny beside the rest.
/// - [`P13`](Rule::P13), a note: of a shape far from the usual one.
///
/// A survey without sharpness tells nothing of P11.
pub fn quality(survey: &Survey) -> Vec<Finding> {
    let look = Look { survey, usual: Usual::of(survey.facts()) };
    let findings = [look.blank(), look.dark_or_bright(), look.blurred(), look.tiny(), look.odd()];
    findings.into_iter().flatten().collect()
}

impl Measures {
    fn is_blank(&self) -> bool {
        self.deviation < BLANK
    }

    fn is_dark(&self) -> bool {
        !self.is_blank() && self.brightest < DARK
    }

    fn is_bright(&self) -> bool {
        !self.is_blank() && self.darkest > BRIGHT
    }
}

/// By how much a shape is wider or higher than `usual`; 1 or more.
fn times_odd(aspect: f64, usual: f64) -> f64 {
    let ratio = aspect / usual;
    ratio.max(1.0 / ratio)
}

/// What is usual in a set of pictures.
struct Usual {
    /// The median of the shorter sides, in pixels.
    side: u32,
    /// The median of width by height.
    aspect: f64,
    /// The sharpness below which a picture is blurred.
    sharpness: f32,
}

impl Usual {
    /// `None` where there are too few pictures to tell.
    fn of(facts: &[Facts]) -> Option<Self> {
        if facts.len() < FEWEST {
            return None;
        }
        let mut sides: Vec<u32> = facts.iter().map(|facts| facts.origin.short_side()).collect();
        let mut aspects: Vec<f64> = facts.iter().map(|facts| facts.origin.aspect()).collect();
        let mut sharpness: Vec<f64> = facts
            .iter()
            .filter_map(|facts| facts.measures.sharpness)
            .map(|sharp| f64::from(sharp).ln())
            .collect();
        sides.sort_unstable();
        aspects.sort_unstable_by(f64::total_cmp);
        sharpness.sort_unstable_by(f64::total_cmp);
        Some(Self {
            side: sides[sides.len() / 2],
            aspect: aspects[aspects.len() / 2],
            sharpness: fence(&sharpness).exp().min(SHARP) as f32,
        })
    }
}

/// Tukey's lower fence of values in ascending order; minus infinity where there are too few.
fn fence(sorted: &[f64]) -> f64 {
    if sorted.len() < FEWEST {
        return f64::NEG_INFINITY;
    }
    let (lower, upper) = (sorted[sorted.len() / 4], sorted[sorted.len() * 3 / 4]);
    lower - FENCE * (upper - lower)
}

struct Look<'a> {
    survey: &'a Survey,
    usual: Option<Usual>,
}

impl Look<'_> {
    /// Pictures of which `badness` is known, the worst first, with what is said of them.
    fn worst_first(
        &self,
        badness: impl Fn(&Facts) -> Option<f64>,
        measure: impl Fn(&Facts) -> String,
    ) -> Vec<Suspect> {
        let facts = self.survey.facts().iter();
        let mut bad: Vec<(f64, &Facts)> = facts.filter_map(|facts| Some((badness(facts)?, facts))).collect();
        bad.sort_by(|a, b| b.0.total_cmp(&a.0));
        bad.into_iter().map(|(_, facts)| Suspect::alone(facts.sample, measure(facts))).collect()
    }

    /// The finding of these, told of how many there are of how many: `3 of 100 pictures`.
    fn finding(&self, suspects: Vec<Suspect>, told: impl FnOnce(String) -> Diagnostic) -> Option<Finding> {
        let all = count(self.survey.facts().len(), "picture");
        Finding::of_suspects(self.survey.dataset(), suspects, |n| told(format!("{n} of {all}")))
    }

    fn blank(&self) -> Option<Finding> {
        let suspects = self.worst_first(
            |Facts { measures, .. }| measures.is_blank().then_some(-f64::from(measures.deviation)),
            |Facts { measures, .. }| {
                let [red, green, blue] = measures.colour.map(|colour| colour.round() as u8);
                format!("#{red:02x}{green:02x}{blue:02x} all over, deviation {:.1}", measures.deviation)
            },
        );
        self.finding(suspects, |found| {
            Diagnostic::new(Rule::P09, format!("{found} are blank"))
            .because(format!(
                "light deviates by less than {BLANK} of 255 from its mean: nothing is to be seen, and the label can only be learnt by heart"
            ))
            .fix("set them aside: `divvy check DATA --move-to FOLDER`; where blank is what a group looks like, allow P09")
        })
    }

    fn dark_or_bright(&self) -> Option<Finding> {
        let all = self.survey.facts();
        let are_few = |is_so: fn(&Measures) -> bool| {
            let n = all.iter().filter(|facts| is_so(&facts.measures)).count();
            n as f64 <= HOW_THEY_ARE * all.len() as f64 || all.len() < FEWEST
        };
        let (dark, bright) = (are_few(Measures::is_dark), are_few(Measures::is_bright));
        let suspects = self.worst_first(
            |Facts { measures, .. }| {
                let dark = (dark && measures.is_dark()).then(|| 255.0 - f64::from(measures.light));
                dark.or_else(|| (bright && measures.is_bright()).then(|| f64::from(measures.light)))
            },
            |Facts { measures, .. }| {
                let (which, end) = if measures.is_dark() {
                    ("dark", format!("99 % below {}", measures.brightest.saturating_add(1)))
                } else {
                    ("bright", format!("99 % above {}", measures.darkest.saturating_sub(1)))
                };
                format!("{which}: mean light {:.0} of 255, {end}", measures.light)
            },
        );
        self.finding(suspects, |found| {
            Diagnostic::new(Rule::P10, format!("{found} are very dark or very bright"))
                .because("all but one in a hundred of their pixels lie in one quarter of the range, so little of what they show is left")
                .fix("look at them: expose or develop them anew, or set them aside with `divvy check DATA --move-to FOLDER --only P10`")
        })
    }

    fn blurred(&self) -> Option<Finding> {
        let fence = self.usual.as_ref()?.sharpness;
        let suspects = self.worst_first(
            |Facts { measures, .. }| {
                measures.sharpness.filter(|sharp| *sharp < fence).map(|sharp| -f64::from(sharp))
            },
            |Facts { measures, .. }| format!("sharpness {:.2}", measures.sharpness.unwrap_or_default()),
        );
        self.finding(suspects, |found| {
            Diagnostic::new(Rule::P11, format!("{found} are blurred beside the others"))
            .because(format!(
                "their edges rise so slowly (variance of the Laplacian by that of the slopes, at 256 pixels) that they lie below {fence:.2}, the fence for outliers of this set"
            ))
            .fix("look at them; where blur is no part of what the network will meet, set them aside with `divvy check DATA --move-to FOLDER --only P11`")
        })
    }

    fn tiny(&self) -> Option<Finding> {
        let usual = self.usual.as_ref()?.side;
        let limit = usual.div_ceil(TIMES_SHORTER).min(SMALL);
        let suspects = self.worst_first(
            |Facts { origin, .. }| (origin.short_side() < limit).then(|| -f64::from(origin.short_side())),
            |Facts { origin, .. }| format!("{} x {} pixels", origin.width, origin.height),
        );
        self.finding(suspects, |found| {
            Diagnostic::new(Rule::P12, format!("{found} are tiny beside the others"))
            .because(format!(
                "their shorter side has less than {limit} pixels, where half of the pictures have {usual} or more: enlarged to the network's size they are smooth where others have detail"
            ))
            .fix("fetch them in their full size, or set them aside with `divvy check DATA --move-to FOLDER --only P12`")
        })
    }

    fn odd(&self) -> Option<Finding> {
        let usual = self.usual.as_ref()?.aspect;
        let suspects = self.worst_first(
            |Facts { origin, .. }| Some(times_odd(origin.aspect(), usual)).filter(|times| *times > TIMES_ODD),
            |Facts { origin, .. }| {
                let aspect = origin.aspect();
                let (ratio, than, side) =
                    if aspect > usual { (aspect, "wide", "high") } else { (1.0 / aspect, "high", "wide") };
                format!("{} x {} pixels, {ratio:.1} times as {than} as {side}", origin.width, origin.height)
            },
        );
        let share = percent(suspects.len() as f64 / self.survey.facts().len() as f64);
        self.finding(suspects, |found| {
            Diagnostic::new(Rule::P13, format!("{found} have an odd shape"))
            .because(format!(
                "half of the pictures are at most {usual:.2} times as wide as high; {share} are {TIMES_ODD} times wider or higher than that, and are squeezed so much more when all are brought to one shape"
            ))
            .fix("crop them to what they show, or set them aside with `divvy check DATA --move-to FOLDER --only P13`")
        })
    }
}
