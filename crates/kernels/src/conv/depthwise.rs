//! Sums over windows where each filter sees one channel: depthwise convolution, forward and backward to the data.
//!
//! Images are read in place; nothing is copied, and windows that reach beyond the edge leave out what lies there.

use std::ops::Range;

use super::correlation::{Block, Correlation};
use super::moments::{BLOCK_OUTPUTS, Outputs};
use super::{ConvOutput, Epilogue};
use crate::Cpu;
use crate::disjoint::Disjoint;
use crate::microkernel::{ChannelSweep, TASKS, Target, tasks_for};

/// Channels of a task at the least, if there are so many: what lies in one piece is read ahead by the processor.
const LEAST_CHANNELS: usize = 128;
/// Rows of outputs of a task are a multiple of this, but for the last: so many are computed at once.
const PAIR: usize = 2;

/// Sums over windows that together with those of other passes make up a target.
pub(super) struct Pass<'a> {
    pub correlation: Correlation,
    /// `[taps.0][taps.1][channels]`.
    pub weights: &'a [f32],
}

/// How the work is cut into tasks: by images, by bands of rows of outputs, by parts of the channels.
struct Cut {
    bands: usize,
    rows: usize,
    parts: usize,
    channels: usize,
}

impl Cut {
    /// Rows are divided before channels, because neighbouring channels lie side by side.
    fn of(batch: usize, rows: usize, channels: usize, tasks: usize) -> Self {
        let missing = tasks.div_ceil(batch);
        let band = rows.div_ceil(missing).max(1).next_multiple_of(PAIR);
        let bands = rows.div_ceil(band);
        let parts = missing.div_ceil(bands).min(channels / LEAST_CHANNELS).max(1);
        let part = channels.div_ceil(parts).next_multiple_of(LEAST_CHANNELS / 8);
        Self { bands, rows: band, parts: channels.div_ceil(part), channels: part }
    }

    /// The same where moments are gathered, a part for each band: a task's outputs stay in the cache, and nothing depends on the threads.
    fn with_moments(c: &Correlation) -> Self {
        let cut = Self::of(c.batch, c.outputs.0, c.source.channels, TASKS);
        let near = BLOCK_OUTPUTS / (c.outputs.1 * cut.channels) / PAIR * PAIR;
        let rows = cut.rows.min(near.max(PAIR));
        Self { bands: c.outputs.0.div_ceil(rows), rows, ..cut }
    }
}

/// Parts of the moments that [`correlate`] gathers, of a convolution that has outputs.
pub(super) fn parts(c: &Correlation) -> usize {
    c.batch * Cut::with_moments(c).bands
}

/// Writes what `epilogue` makes of the sums of all passes to their places of `output`. Passes have the same images and channels.
pub(super) fn correlate<'a, P: Iterator<Item = Pass<'a>>>(
    cpu: &Cpu,
    passes: impl Fn() -> P + Sync,
    x: &[f32],
    epilogue: &Epilogue<'_>,
    output: ConvOutput<'_>,
) {
    let most_rows = passes().map(|pass| pass.correlation.outputs.0).max();
    let (Some(rows), Some(Pass { correlation: c, .. })) = (most_rows, passes().next()) else { return };
    if output.y.is_empty() {
        return;
    }
    let cut = match output.moments {
        Some(_) => Cut::with_moments(&c),
        None => Cut::of(c.batch, rows, c.source.channels, tasks_for(cpu.threads())),
    };
    let outputs = Outputs::new(&c, output);
    cpu.team().run(c.batch * cut.bands * cut.parts, |_, task| {
        let part = task % cut.parts * cut.channels;
        let channels = part..c.source.channels.min(part + cut.channels);
        let (image, band) = (task / cut.parts / cut.bands, task / cut.parts % cut.bands * cut.rows);
        for pass in passes() {
            let rows = pass.correlation.outputs.0;
            let block = Block { images: image..image + 1, rows: band.min(rows)..rows.min(band + cut.rows) };
            // SAFETY: what is written are the part's channels of the block's outputs; no other task or pass has both.
            unsafe { sweep(cpu, &pass, &block, channels.clone(), x, epilogue, &outputs.y) };
            let pixels = std::iter::once(pass.correlation.pixels(&block));
            // SAFETY: so are these moments, of the only pass there is where they are asked for.
            unsafe { outputs.gather(cpu, task / cut.parts, pixels, channels.clone()) };
        }
    });
}

/// Computes some channels of a block's outputs.
///
/// # Safety
/// Nobody else uses them meanwhile.
unsafe fn sweep(
    cpu: &Cpu,
    Pass { correlation: c, weights }: &Pass<'_>,
    block: &Block,
    channels: Range<usize>,
    x: &[f32],
    epilogue: &Epilogue<'_>,
    y: &Disjoint<'_, f32>,
) {
    if block.rows.is_empty() || c.outputs.1 == 0 {
        return;
    }
    let source_strides = c.source.strides();
    let (rows, columns) = c.windows();
    let offset = c.target_offset(block.images.start, block.rows.start, 0) + channels.start;
    // SAFETY: promised by the caller.
    let target = unsafe { Target::new(y, offset, c.target_strides(), channels.len()) };
    cpu.isa().call(ChannelSweep {
        rows,
        columns,
        band: block.rows.clone(),
        source: &x[block.images.start * source_strides.image..][..source_strides.image][channels.start..],
        source_strides,
        weights: weights.get(channels.start..).unwrap_or_default(),
        weight_stride: c.source.channels,
        start: epilogue.start(channels.start, channels.len()),
        target: target.after(epilogue.after(offset, channels.start, channels.len())),
    });
}
