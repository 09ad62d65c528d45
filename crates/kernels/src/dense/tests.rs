use super::*;
use crate::reference::dense as reference;
use crate::reference::trial::{assert_sums, dot, magnitudes, numbers, on_every_cpu, wide};
use crate::{Adam, Average, RmsProp, Rule, Sgd, update};
use proptest::prelude::*;

/// Compares the forward pass with the reference, of an input as it is or behind `ReLU`.
fn check_forward(shape: DenseShape, seed: u64, rectified: bool) {
    let layout = shape.weight_layout();
    let (mut x, w) = (numbers(shape.input_len(), seed), numbers(layout.keras_len(), seed + 1));
    if rectified {
        x = x.iter().map(|x| x.max(0.0)).collect();
    }
    let bias = numbers(shape.outputs, seed + 2);
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
    let (x, w, bias) = (wide(&x), wide(&w), wide(&bias));
    let (ax, aw, abias) = (magnitudes(&x), magnitudes(&w), magnitudes(&bias));
    let none = vec![0.0; shape.outputs];
    let (y, y_size) =
        (reference::forward(&shape, &x, &w, &bias), reference::forward(&shape, &ax, &aw, &abias));
    assert_sums("forward", &with_bias, &y, &y_size);
    assert_sums("forward without bias", &without_bias, &reference::forward(&shape, &x, &w, &none), &y_size);
}

/// Compares the backward pass with the reference, and its updates with those of the gradients.
fn check_backward(shape: DenseShape, seed: u64) {
    let layout = shape.weight_layout();
    let (x, w) = (numbers(shape.input_len(), seed), numbers(layout.keras_len(), seed + 1));
    let dy = numbers(shape.output_len(), seed + 3);
    let mut packed = vec![f32::NAN; layout.packed_len()];
    layout.pack(&w, &mut packed);
    let (inputs, weights) = (x.len(), packed.len());
    let at_once = |mask, with_dx: bool| {
        on_every_cpu(
            |threads| (inputs + weights, shape.backward_scratch(threads)),
            |cpu, out, scratch| {
                let (dx, dw) = out.split_at_mut(inputs);
                dx.fill(0.0);
                let dx = with_dx.then_some(dx);
                dense_backward(
                    cpu,
                    &shape,
                    &x,
                    &dy,
                    DenseWeights::Gradient { w: &packed, dw },
                    mask,
                    dx,
                    scratch,
                );
            },
        )
    };
    let (x64, w64, dy64) = (wide(&x), wide(&w), wide(&dy));
    let dw = reference::backward_weights(&shape, &x64, &dy64);
    let dw_size = reference::backward_weights(&shape, &magnitudes(&x64), &magnitudes(&dy64));
    let dx = reference::backward_data(&shape, &dy64, &w64);
    let dx_size = reference::backward_data(&shape, &magnitudes(&dy64), &magnitudes(&w64));
    let packed64 = |keras: &[f64]| {
        let narrow: Vec<f32> = keras.iter().map(|x| *x as f32).collect();
        let mut packed = vec![0.0; weights];
        layout.pack(&narrow, &mut packed);
        wide(&packed)
    };
    let sizes = [dx_size.clone(), packed64(&dw_size)].concat();
    let plain = at_once(None, true);
    for (isa, gradients) in &plain {
        let (mut keras, mut repacked) = (vec![f32::NAN; layout.keras_len()], vec![f32::NAN; weights]);
        layout.unpack(&gradients[inputs..], &mut keras);
        layout.pack(&keras, &mut repacked);
        assert_eq!(gradients[inputs..], repacked, "unused lanes of the weights' gradient on {isa}");
    }
    assert_sums("backward at once", &plain, &[dx.clone(), packed64(&dw)].concat(), &sizes);
    let masked: Vec<f64> =
        dx.iter().zip(&x64).map(|(dx, x)| if *x > 0.0 { 1.25 * dx } else { 0.0 }).collect();
    let masked_sizes: Vec<f64> = sizes.iter().map(|size| 1.25 * size).collect();
    let outputs = at_once(Some(InputMask { scale: 1.25 }), true);
    assert_sums("masked", &outputs, &[masked, packed64(&dw)].concat(), &masked_sizes);
    for ((isa, alone), (_, both)) in at_once(None, false).iter().zip(&plain) {
        assert_eq!(alone[inputs..], both[inputs..], "the gradients of the weights alone on {isa}");
    }

    for rule in rules() {
        let state: Vec<f32> = numbers(2 * weights, seed + 4).iter().map(|x| x.abs()).collect();
        let updated = on_every_cpu(
            |threads| (inputs + 4 * weights, shape.backward_scratch(threads)),
            |cpu, out, scratch| {
                let (dx, out) = out.split_at_mut(inputs);
                let (w, out) = out.split_at_mut(weights);
                let (average, of_rule) = out.split_at_mut(weights);
                w.copy_from_slice(&packed);
                average.copy_from_slice(&packed);
                of_rule.copy_from_slice(&state);
                let average = Some(Average { values: average, rate: 0.25 });
                let state = of_rule.split_at_mut(weights).into();
                let update = Update { rule, gradient_scale: 0.5, state, average };
                let weights = DenseWeights::Update { w, update };
                dense_backward(cpu, &shape, &x, &dy, weights, None, Some(dx), scratch);
            },
        );
        for ((isa, updated), (_, gradients)) in updated.iter().zip(&plain) {
            let cpu = Cpu::with_isa(crate::Isa::by_name(isa).expect("an instruction set of this machine"), 1);
            let (mut w, mut average, mut state) = (packed.clone(), packed.clone(), state.clone());
            let of_rule = state.split_at_mut(weights).into();
            let average_of_all = Some(Average { values: &mut average, rate: 0.25 });
            let step = Update { rule, gradient_scale: 0.5, state: of_rule, average: average_of_all };
            update(&cpu, step, &mut w, &gradients[inputs..]);
            assert_eq!(updated[..inputs], gradients[..inputs], "the input's gradient with {rule:?} on {isa}");
            assert_eq!(updated[inputs..], [w, average, state].concat(), "{rule:?} on {isa}");
        }
    }
}

fn rules() -> [Rule; 3] {
    let adam = Adam {
        lr: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        decoupled: true,
        step: 3,
    };
    [
        Rule::Sgd(Sgd { lr: 0.1, momentum: 0.0, nesterov: false, weight_decay: 0.01, decoupled: true }),
        Rule::Adam(adam),
        Rule::RmsProp(RmsProp { lr: 0.01, rho: 0.99, epsilon: 1e-3, momentum: 0.0, weight_decay: 0.05 }),
    ]
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
    fn the_forward_pass_agrees_with_the_reference(
        shape in shapes(),
        seed in 0_u64..1000,
        rectified in any::<bool>(),
    ) {
        check_forward(shape, seed, rectified);
    }

    /// As when one picture is classified, and its mirror image with it.
    #[test]
    fn the_forward_pass_of_a_few_rows_agrees_with_the_reference(
        batch in 1_usize..=5,
        inputs in 1_usize..2500,
        outputs in 1_usize..=80,
        seed in 0_u64..1000,
    ) {
        check_forward(DenseShape { batch, inputs, outputs }, seed, true);
    }

    #[test]
    fn both_gradients_agree_with_the_reference(shape in shapes(), seed in 0_u64..1000) {
        check_backward(shape, seed);
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
        [(32, 4096, 64), (3, 5000, 10), (200, 1100, 33), (1, 2048, 300), (130, 64, 520), (1100, 40, 3)]
    {
        check_forward(DenseShape { batch, inputs, outputs }, 7, false);
        check_forward(DenseShape { batch, inputs, outputs }, 8, true);
        check_backward(DenseShape { batch, inputs, outputs }, 7);
    }
}

/// Weights that would make anything that they are multiplied with not a number are not read where both rows are zero.
#[test]
fn weights_of_inputs_that_are_zero_are_not_read() {
    let shape = DenseShape { batch: 2, inputs: 1100, outputs: 40 };
    let layout = shape.weight_layout();
    let is_zero = |input: usize| input % 3 != 1;
    let with = |mut numbers: Vec<f32>, other: f32, input: &dyn Fn(usize) -> usize| {
        for (_, x) in numbers.iter_mut().enumerate().filter(|(at, _)| is_zero(input(*at))) {
            *x = other;
        }
        numbers
    };
    let x = with(numbers(shape.input_len(), 1), 0.0, &|at| at % shape.inputs);
    let w = with(numbers(layout.keras_len(), 2), f32::NAN, &|at| at / shape.outputs);
    let mut packed = vec![0.0; layout.packed_len()];
    layout.pack(&w, &mut packed);
    let outputs = on_every_cpu(
        |threads| (shape.output_len(), shape.forward_scratch(threads)),
        |cpu, y, scratch| dense_forward(cpu, &shape, &x, &packed, None, y, scratch),
    );
    for (isa, y) in outputs {
        assert!(y.iter().all(|y| y.is_finite()), "on {isa}: {y:?}");
    }
}
