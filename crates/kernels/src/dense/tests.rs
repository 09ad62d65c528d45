use super::*;
use crate::reference::dense as reference;
use crate::reference::trial::{assert_sums, dot, magnitudes, numbers, on_every_cpu, wide};
use proptest::prelude::*;

/// Compares all passes with the reference.
fn check(shape: DenseShape, seed: u64) {
    let layout = shape.weight_layout();
    let (x, w) = (numbers(shape.input_len(), seed), numbers(layout.keras_len(), seed + 1));
    let (bias, dy) = (numbers(shape.outputs, seed + 2), numbers(shape.output_len(), seed + 3));
    let mut packed = vec![f32::NAN; layout.packed_len()];
    layout.pack(&w, &mut packed);

    let with_bias = on_every_cpu(
        |threads| (shape.output_len(), shape.forward_scratch(threads)),
        |cpu, y, scratch| dense_forward(cpu, &shape, &x, &packed, Some(&bias), y, scratch),
    );
    let without_bias = on_every_cpu(
        |threads| (shape.output_len(), shape.forward_scratch(threads)),
        |cpu, y, scratch| dense_forward(cpu, &shape, &x, &packed, None, y, scratch),
    );
    let dx = on_every_cpu(
        |threads| (shape.input_len(), shape.backward_data_scratch(threads)),
        |cpu, dx, scratch| dense_backward_data(cpu, &shape, &dy, &packed, dx, scratch),
    );
    let packed_dw = on_every_cpu(
        |threads| (layout.packed_len(), shape.backward_weights_scratch(threads)),
        |cpu, dw, scratch| dense_backward_weights(cpu, &shape, &x, &dy, dw, scratch),
    );
    let unpack = |(isa, packed): (&'static str, Vec<f32>)| {
        let mut dw = vec![f32::NAN; layout.keras_len()];
        layout.unpack(&packed, &mut dw);
        let mut repacked = vec![f32::NAN; packed.len()];
        layout.pack(&dw, &mut repacked);
        assert_eq!(packed, repacked, "unused lanes of the weights' gradient on {isa}");
        (isa, dw)
    };
    let dw: Vec<_> = packed_dw.into_iter().map(unpack).collect();

    let (x, w, bias, dy) = (wide(&x), wide(&w), wide(&bias), wide(&dy));
    let (ax, aw, abias, ady) = (magnitudes(&x), magnitudes(&w), magnitudes(&bias), magnitudes(&dy));
    let none = vec![0.0; shape.outputs];
    let (y, y_size) =
        (reference::forward(&shape, &x, &w, &bias), reference::forward(&shape, &ax, &aw, &abias));
    assert_sums("forward", &with_bias, &y, &y_size);
    assert_sums("forward without bias", &without_bias, &reference::forward(&shape, &x, &w, &none), &y_size);
    let size = reference::backward_data(&shape, &ady, &aw);
    assert_sums("backward to the data", &dx, &reference::backward_data(&shape, &dy, &w), &size);
    let size = reference::backward_weights(&shape, &ax, &ady);
    assert_sums("backward to the weights", &dw, &reference::backward_weights(&shape, &x, &dy), &size);
}

fn shapes() -> impl Strategy<Value = DenseShape> {
    (1_usize..=70, 1_usize..=300, 1_usize..=80).prop_map(|(batch, inputs, outputs)| DenseShape {
        batch,
        inputs,
        outputs,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn all_passes_agree_with_the_reference(shape in shapes(), seed in 0_u64..1000) {
        check(shape, seed);
    }

    /// A dense layer is linear in `x` and in `w`, so that its gradients are the adjoint maps.
    #[test]
    fn the_reference_is_its_own_adjoint(shape in shapes(), seed in 0_u64..1000) {
        let x = wide(&numbers(shape.input_len(), seed));
        let w = wide(&numbers(shape.inputs * shape.outputs, seed + 1));
        let dy = wide(&numbers(shape.output_len(), seed + 2));
        let y = reference::forward(&shape, &x, &w, &vec![0.0; shape.outputs]);
        let size = dot(&magnitudes(&y), &magnitudes(&dy)) + 1.0;
        let through_data = dot(&x, &reference::backward_data(&shape, &dy, &w));
        let through_weights = dot(&w, &reference::backward_weights(&shape, &x, &dy));
        prop_assert!((dot(&y, &dy) - through_data).abs() < 1e-12 * size);
        prop_assert!((dot(&y, &dy) - through_weights).abs() < 1e-12 * size);
    }
}

#[test]
fn the_reference_gives_a_hand_worked_example() {
    let shape = DenseShape { batch: 2, inputs: 2, outputs: 3 };
    let y = reference::forward(
        &shape,
        &[1.0, 2.0, 3.0, 4.0],
        &[1.0, 2.0, 3.0, 10.0, 20.0, 30.0],
        &[0.5, 0.0, 0.0],
    );
    assert_eq!(y, [21.5, 42.0, 63.0, 43.5, 86.0, 129.0]);
}

/// Several parts of the inputs, several rows of the batch to a copy, many panels.
#[test]
fn larger_layers_agree_with_the_reference() {
    for (batch, inputs, outputs) in
        [(32, 4096, 64), (3, 5000, 10), (200, 1100, 33), (1, 2048, 300), (130, 64, 520)]
    {
        check(DenseShape { batch, inputs, outputs }, 7);
    }
}
