//! Chains against the same convolutions one by one.

use super::*;

/// What one convolution of a chain is, beside what follows from the one before.
type Choice = ((usize, usize, usize), (usize, usize), (usize, usize), (usize, usize), Padding, u64);

fn choices() -> impl Strategy<Value = Vec<Choice>> {
    let widths = prop_oneof![
        // Depthwise where the first is 0.
        (Just(0), Just(1), 1_usize..=1),
        (1_usize..=3, Just(1), 1_usize..=12),
        (1_usize..=3, Just(2), 1_usize..=12),
    ];
    let one = (widths, pair(1..=4), pair(1..=2), pair(1..=2), padding(), 0_u64..1000);
    proptest::collection::vec(one, 2..=4)
}

/// Shapes of which each takes what the one before gives.
fn shapes(
    batch: usize,
    (height, width): (usize, usize),
    channels: usize,
    choices: &[Choice],
) -> Vec<Conv2dShape> {
    let mut shapes: Vec<Conv2dShape> = Vec::new();
    for &((kind, groups, filters), kernel, strides, dilation, padding, _) in choices {
        let last = shapes.last().map(|last| (last.out_height(), last.out_width(), last.filters));
        let (height, width, channels) = last.unwrap_or((height, width, channels));
        let groups = if kind == 0 { channels } else { groups };
        let groups = if channels.is_multiple_of(groups) { groups } else { 1 };
        let filters = if kind == 0 { channels } else { groups * filters };
        shapes.push(Conv2dShape {
            batch,
            height,
            width,
            channels,
            filters,
            kernel,
            strides,
            dilation,
            groups,
            padding,
        });
    }
    shapes
}

#[test]
fn weights_that_do_not_stay_near_are_read_anew_for_each_image() {
    let reread = |batch: usize, channels: usize| {
        let link = (square(batch, 2, channels, channels, 3, 1), ConvAlgorithm::Direct);
        ConvChain::new(&[link, link]).unwrap().weights_reread()
    };
    assert_eq!(reread(16, 64), 0, "288 KiB");
    assert_eq!(reread(16, 512), (16 - 2) * 2 * 9 * 512 * 512, "two threads read them in any case");
    assert_eq!(reread(1, 512), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// The same bits, on any number of threads that it has rows for.
    #[test]
    fn chains_agree_with_their_convolutions(
        batch in 1_usize..=3,
        extent in pair(4..=20),
        channels in 1_usize..=40,
        choices in choices(),
        seed in 0_u64..1000,
    ) {
        let cases: Vec<_> = shapes(batch, extent, channels, &choices)
            .into_iter()
            .zip(&choices)
            .map(|(shape, choice)| Case::new(shape, choice.5 + seed))
            .collect();
        let links: Vec<_> = cases.iter().map(|case| (case.shape, ConvAlgorithm::Direct)).collect();
        let Some(chain) = ConvChain::new(&links) else { return Ok(()) };
        let packed: Vec<_> = cases.iter().map(Case::packed).collect();
        let residuals: Vec<_> = cases.iter().map(|case| numbers(case.shape.output_len(), seed)).collect();
        let link = |at: usize| ConvLink {
            weights: ConvWeights::Packed(&packed[at]),
            epilogue: Epilogue {
                bias: Some(&cases[at].bias),
                residual: (at % 2 == 1).then_some(&residuals[at]),
                activation: Some(Rectifier::Relu),
                ..Epilogue::default()
            },
        };
        for isa in Isa::present() {
            let alone = Cpu::with_isa(isa, 1);
            let mut truth = cases[0].x.clone();
            for (at, case) in cases.iter().enumerate() {
                let ConvLink { weights, epilogue } = link(at);
                let scratch = case.shape.scratch(ConvPass::Forward, ConvAlgorithm::Direct, 1);
                let mut y = vec![f32::NAN; case.shape.output_len()];
                conv2d_forward(&alone, &case.shape, &truth, weights, &epilogue, y.as_mut_slice().into(), &mut vec![f32::NAN; scratch]);
                truth = y;
            }
            for threads in [1, 2, 3].into_iter().filter(|&threads| chain.occupies(threads)) {
                let mut y = vec![f32::NAN; truth.len()];
                let mut scratch = vec![f32::NAN; chain.scratch(threads)];
                chain.run(&Cpu::with_isa(isa, threads), &cases[0].x, link, &mut y, &mut scratch);
                let bits = |x: &[f32]| x.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                prop_assert_eq!(bits(&y), bits(&truth), "{:?} with {} threads", isa, threads);
            }
        }
    }
}

fn separable(size: usize, channels: usize, filters: usize) -> [(Conv2dShape, ConvAlgorithm); 2] {
    let depthwise = Conv2dShape { groups: channels, ..square(1, size, channels, channels, 3, 1) };
    [depthwise, square(1, size, channels, filters, 1, 0)].map(|shape| (shape, ConvAlgorithm::Direct))
}

/// An expanding, a depthwise and a projecting convolution of so many rows, and the operations of each in one of them.
fn inverted_residual(size: usize) -> (ConvChain, [u64; 3]) {
    let [depthwise, pointwise] = separable(size, 8, 16);
    let links = [(square(1, size, 4, 8, 1, 0), ConvAlgorithm::Direct), depthwise, pointwise];
    let chain = ConvChain::new(&links).expect("a chain");
    (chain, links.map(|(shape, _)| shape.flops() / size as u64))
}

#[test]
fn what_is_wasted_are_rows_that_two_bands_see_and_those_that_one_has_more_of() {
    // Two bands of seven rows: each sees one row of the other's.
    let (chain, [expand, _, _]) = inverted_residual(14);
    assert_eq!(chain.wasted(), 2 * expand);
    assert_eq!(chain.between(), 2 * 14 * 14 * 8);
    assert!(chain.occupies(7) && !chain.occupies(8));
    // Two bands of three and of four rows, of which the longer one sees five: of seven rows, ten and eight could be computed.
    let (chain, [expand, depthwise, pointwise]) = inverted_residual(7);
    assert_eq!(chain.wasted(), 3 * expand + depthwise + pointwise);
}

#[test]
fn a_chain_has_two_links_of_which_none_is_winograds() {
    let [depthwise, pointwise] = separable(6, 4, 4);
    assert!(ConvChain::new(&[depthwise, pointwise]).is_some());
    assert!(ConvChain::new(&[depthwise]).is_none());
    let winograd = (square(1, 6, 4, 4, 3, 1), ConvAlgorithm::Winograd(WinogradTile::Two));
    assert!(ConvChain::new(&[winograd, pointwise]).is_none());
}
