//! Changes that look at a pixel's neighbours; beyond the edge, the edge repeats.

/// Scratch memory for pictures of one shape.
#[derive(Default)]
pub(super) struct Filter {
    copy: Vec<f32>,
    weights: Vec<f32>,
}

impl Filter {
    /// A Gaussian blur with a standard deviation of `sigma` pixels, cut off at three of them, rows and then columns.
    pub(super) fn blur(&mut self, sigma: f32, [_, width, channels]: [usize; 3], values: &mut [f32]) {
        if sigma < 0.05 {
            return;
        }
        let radius = (3.0 * sigma).ceil() as usize;
        self.weights.clear();
        self.weights.extend((0..=2 * radius).map(|i| {
            let distance = (i as f32 - radius as f32) / sigma;
            (-0.5 * distance * distance).exp()
        }));
        let sum: f32 = self.weights.iter().sum();
        self.weights.iter_mut().for_each(|weight| *weight /= sum);

        let row_len = width * channels;
        // Each row with its edge repeated on both sides, so that all sums are of neighbours.
        for row in values.chunks_exact_mut(row_len) {
            self.copy.clear();
            (0..radius).for_each(|_| self.copy.extend_from_slice(&row[..channels]));
            self.copy.extend_from_slice(row);
            (0..radius).for_each(|_| self.copy.extend_from_slice(&row[row_len - channels..]));
            row.fill(0.0);
            for (i, &weight) in self.weights.iter().enumerate() {
                add(row, &self.copy[i * channels..], weight);
            }
        }
        self.copy.clear();
        self.copy.extend_from_slice(values);
        values.fill(0.0);
        let rows = values.len() / row_len;
        for (y, row) in values.chunks_exact_mut(row_len).enumerate() {
            for (i, &weight) in self.weights.iter().enumerate() {
                let from = (y + i).saturating_sub(radius).min(rows - 1);
                add(row, &self.copy[from * row_len..], weight);
            }
        }
    }

    /// Distances from a smoothed picture multiplied by a factor, but for the outermost pixels: Pillow's `ImageEnhance.Sharpness`.
    pub(super) fn sharpen(&mut self, factor: f32, [height, width, channels]: [usize; 3], values: &mut [f32]) {
        if height < 3 || width < 3 {
            return;
        }
        self.copy.clear();
        self.copy.extend_from_slice(values);
        let row_len = width * channels;
        for y in 1..height - 1 {
            for x in channels..row_len - channels {
                let at = y * row_len + x;
                let three = |at: usize| self.copy[at - channels] + self.copy[at] + self.copy[at + channels];
                let around = three(at - row_len) + three(at) + three(at + row_len);
                let smooth = (around + 4.0 * self.copy[at]) / 13.0;
                values[at] = smooth + factor * (self.copy[at] - smooth);
            }
        }
    }
}

fn add(row: &mut [f32], from: &[f32], weight: f32) {
    for (value, from) in row.iter_mut().zip(from) {
        *value += weight * from;
    }
}
