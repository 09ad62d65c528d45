//! Outputs side by side whose windows have the same taps within what is read.
//!
//! Windows at the edge of an image reach beyond it, where there are only zeros. On a small map most windows do: of a 3x3 kernel's
//! products over 2x2 pixels, five in nine are with zeros. So outputs are cut into zones, each of which is multiplied with
//! its own taps alone, where that spares enough.

use std::ops::Range;

use super::correlation::{Block, Correlation};
use super::view::Reading;
use crate::microkernel::{Grid, Strides, Taps, Windows};

/// Pixels that a zone is reckoned to have at the least: a tile of fewer takes as long.
const TILE: usize = 8;

/// A rectangle of outputs of each image.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Zone {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    /// Rows and columns of the taps that its windows have.
    taps: (Range<usize>, Range<usize>),
    /// Where in the frame the first of these lies for the first output.
    first: (usize, usize),
}

impl Zone {
    pub(super) fn grid(&self, images: usize) -> Grid {
        Grid { images, rows: self.rows.len(), columns: self.columns.len() }
    }

    /// Where the first output's first tap lies in a view with the given strides.
    pub(super) fn source_offset(&self, view: Strides) -> usize {
        self.first.0 * view.row + self.first.1 * view.pixel
    }

    /// Which of a panel's weights the first tap is multiplied with, counted by rows of the panel.
    pub(super) fn weight_offset(&self, c: &Correlation) -> usize {
        (self.taps.0.start * c.taps.1 + self.taps.1.start) * c.depth()
    }

    /// What the windows see in a view with the given strides.
    pub(super) fn taps(&self, c: &Correlation, view: Strides) -> Taps {
        Taps { rows: self.taps.0.len(), columns: self.taps.1.len(), ..c.window(view) }
    }

    /// Taps that its windows have.
    fn taps_len(&self) -> usize {
        self.taps.0.len() * self.taps.1.len()
    }

    /// Outputs of one image.
    fn len(&self) -> usize {
        self.rows.len() * self.columns.len()
    }
}

impl Correlation {
    /// The zones of a block: one with all taps, unless it is trimmed.
    pub(super) fn zones(
        &self,
        reading: Reading,
        block: &Block,
    ) -> impl Iterator<Item = Zone> + Clone + use<> {
        let (rows, columns) = self.windows();
        let trimmed = reading == Reading::Trimmed;
        let whole = Zone {
            rows: block.rows.clone(),
            columns: 0..columns.outputs,
            taps: (0..rows.taps, 0..columns.taps),
            first: (0, 0),
        };
        let frame = self.frame(reading, block);
        let place = |windows: Windows, (outputs, taps): &(Range<usize>, Range<usize>), first: isize| {
            windows.place(outputs.start, taps.start).saturating_sub(first).max(0) as usize
        };
        let alike = rows.alike(if trimmed { block.rows.clone() } else { 0..0 }).flat_map(move |down| {
            columns.alike(0..columns.outputs).map(move |across| Zone {
                first: (place(rows, &down, frame.first.0), place(columns, &across, frame.first.1)),
                rows: down.0.clone(),
                columns: across.0,
                taps: (down.1.clone(), across.1),
            })
        });
        (!trimmed).then_some(whole).into_iter().chain(alike)
    }

    /// The zones of an image that is read in one way.
    fn zones_of(&self, reading: Reading) -> impl Iterator<Item = Zone> + Clone + use<> {
        self.zones(reading, &Block { images: 0..self.batch, rows: 0..self.outputs.0 })
    }

    /// Whether leaving out the taps beyond the image is worth the smaller tiles: it is where it spares an eighth.
    pub(super) fn is_worth_trimming(&self) -> bool {
        let (rows, columns) = self.windows();
        let outputs = rows.outputs * columns.outputs;
        let whole = rows.whole().len() * columns.whole().len();
        if 8 * whole >= 7 * outputs || self.batch * outputs <= TILE {
            return false;
        }
        let mut zones = self.zones_of(Reading::Trimmed);
        let work = |zone: Zone| zone.taps_len() * (self.batch * zone.len()).max(TILE);
        let trimmed: usize = zones.clone().map(work).sum();
        // The sums of windows without taps would be nobody's.
        zones.all(|zone| zone.taps_len() > 0)
            && 8 * trimmed <= 7 * self.taps.0 * self.taps.1 * self.batch * outputs
    }

    /// Products of the sums over all windows.
    pub(super) fn products(&self, reading: Reading) -> u64 {
        let of_image: usize = self.zones_of(reading).map(|zone| zone.taps_len() * zone.len()).sum();
        (self.batch * of_image) as u64 * (self.depth() * self.target.channels) as u64
    }
}
