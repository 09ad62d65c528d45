//! PyTorch's names and layouts of a network's parameters.

use crate::graph::{Graph, NodeId};
use crate::layers::{Layer, ParamSpec};
use crate::parameters::Tensor;
use crate::shape::Shape;

/// What our parameters are called and how they lie in a PyTorch module whose submodules have the names of a graph's layers,
/// as those of torchvision's networks do in [`Architecture`](crate::Architecture)'s.
///
/// A key of PyTorch's `state_dict` is the module's name, a dot and the parameter's:
///
/// | here | in PyTorch | layout here | layout there |
/// |---|---|---|---|
/// | `conv1/kernel` of a convolution | `conv1.weight` | `[height, width, in / groups, out]` | `[out, in / groups, height, width]` |
/// | `conv/kernel` of a depthwise one | `conv.weight` | `[height, width, in, multiplier]` | `[in · multiplier, 1, height, width]` |
/// | `fc/kernel` of a dense layer | `fc.weight` | `[in, out]` | `[out, in]` |
/// | `bn1/gamma` | `bn1.weight` | `[channels]` | the same |
/// | `fc/bias`, `bn1/beta` | `fc.bias`, `bn1.bias` | `[out]` | the same |
/// | `bn1/moving_mean` | `bn1.running_mean` | `[channels]` | the same |
/// | `bn1/moving_variance` | `bn1.running_var` | `[channels]` | the same |
///
/// The inputs of a dense layer that reads a flattened map are counted channels last here and channels first there. PyTorch's
/// `num_batches_tracked` has no counterpart here, the kernels of a separable convolution, two in one layer, none there.
///
/// ```
/// use divvy_nn::{Architecture, Head, StateDict, Task};
///
/// let head = Head::for_task(Task::MultiClass, None, 1000)?;
/// let graph = Architecture::by_name("resnet18")?.graph([224, 224, 3], &head)?;
/// let names = StateDict::of(&graph);
/// assert_eq!(names.key("layer2.0.downsample.1/gamma").as_deref(), Some("layer2.0.downsample.1.weight"));
/// assert_eq!(names.parameter("fc.weight").as_deref(), Some("fc/kernel"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct StateDict<'a> {
    graph: &'a Graph,
}

/// Our name of a parameter within its layer, and PyTorch's.
const NAMES: [(&str, &str); 6] = [
    ("kernel", "weight"),
    ("gamma", "weight"),
    ("bias", "bias"),
    ("beta", "bias"),
    ("moving_mean", "running_mean"),
    ("moving_variance", "running_var"),
];

impl<'a> StateDict<'a> {
    /// The names and layouts of a graph's parameters.
    pub fn of(graph: &'a Graph) -> Self {
        Self { graph }
    }

    /// PyTorch's key of a parameter, `conv1.weight` for `conv1/kernel`; none where the graph has no such parameter or PyTorch no
    /// such key.
    pub fn key(&self, parameter: &str) -> Option<String> {
        let (layer, name) = parameter.split_once('/')?;
        let (_, spec) = self.spec(layer, |spec| spec.name == name)?;
        Some(format!("{layer}.{}", name_there(&spec)?))
    }

    /// The parameter of a key, `conv1/kernel` for `conv1.weight`; none where there is no such parameter.
    pub fn parameter(&self, key: &str) -> Option<String> {
        let (layer, name) = key.rsplit_once('.')?;
        let (_, spec) = self.spec(layer, |spec| name_there(spec) == Some(name))?;
        Some(format!("{layer}/{}", spec.name))
    }

    /// The sizes that a parameter has in PyTorch; none where [`StateDict::key`] is.
    pub fn shape(&self, parameter: &str) -> Option<Vec<usize>> {
        self.key(parameter)?;
        self.layout(parameter).map(|layout| layout.shape_there)
    }

    /// A parameter under PyTorch's key, in PyTorch's layout; none where it has no key there or not the shape that it has in
    /// the graph.
    pub fn export(&self, tensor: &Tensor) -> Option<Tensor> {
        let name = self.key(&tensor.name)?;
        let layout = self.layout(&tensor.name)?;
        let fits = tensor.shape == layout.shape && tensor.values.len() == layout.len();
        fits.then(|| Tensor { name, shape: layout.shape_there.clone(), values: layout.there(&tensor.values) })
    }

    /// The parameter of a tensor of PyTorch's, in our layout; none where the key or the shape is not one of the graph's.
    pub fn import(&self, tensor: &Tensor) -> Option<Tensor> {
        let name = self.parameter(&tensor.name)?;
        let layout = self.layout(&name)?;
        let fits = tensor.shape == layout.shape_there && tensor.values.len() == layout.len();
        fits.then(|| Tensor { name, shape: layout.shape.clone(), values: layout.here(&tensor.values) })
    }

    /// The parameter of a layer that `is_it`.
    fn spec(&self, layer: &str, is_it: impl Fn(&ParamSpec) -> bool) -> Option<(NodeId, ParamSpec)> {
        let id = self.graph.find(layer)?;
        self.graph.parameters(id).into_iter().find(is_it).map(|spec| (id, spec))
    }

    fn layout(&self, parameter: &str) -> Option<Layout> {
        let (layer, name) = parameter.split_once('/')?;
        let (id, spec) = self.spec(layer, |spec| spec.name == name)?;
        let shape = spec.shape;
        let kernel = match (&self.graph.node(id).layer, shape.as_slice()) {
            (Layer::Conv2d(_), &[height, width, channels, filters]) => [height, width, channels, filters],
            // Numbers of a channel lie side by side either way.
            (Layer::DepthwiseConv2d(_), &[height, width, channels, multiplier]) => {
                [height, width, 1, channels * multiplier]
            }
            (Layer::Dense(_), &[inputs, units]) => {
                let [height, width, channels] = self.flattened(id).unwrap_or([1, 1, inputs]);
                let kernel = [height, width, channels, units];
                return Some(Layout { kernel: Some(kernel), shape_there: vec![units, inputs], shape });
            }
            _ => return Some(Layout { kernel: None, shape_there: shape.clone(), shape }),
        };
        let [height, width, channels, filters] = kernel;
        Some(Layout { kernel: Some(kernel), shape_there: vec![filters, channels, height, width], shape })
    }

    /// Height, width and channels of the map whose values a layer reads one by one.
    fn flattened(&self, id: NodeId) -> Option<[usize; 3]> {
        let below = *self.graph.node(id).inputs.first()?;
        match self.graph.node(below).layer {
            Layer::Dropout(_) | Layer::Activation(_) => self.flattened(below),
            Layer::Flatten(_) => match self.graph.input_shapes(below)[..] {
                [Shape::Map { height, width, channels }] => Some([height, width, channels]),
                _ => None,
            },
            _ => None,
        }
    }
}

/// PyTorch's name of a parameter within its module.
fn name_there(spec: &ParamSpec) -> Option<&'static str> {
    NAMES.iter().find(|(here, _)| *here == spec.name).map(|(_, there)| *there)
}

/// How a parameter lies here and there.
struct Layout {
    shape: Vec<usize>,
    shape_there: Vec<usize>,
    /// `[height, width, in, out]` of what is turned into `[out, in, height, width]`; none for what lies the same.
    kernel: Option<[usize; 4]>,
}

impl Layout {
    fn len(&self) -> usize {
        self.shape.iter().product()
    }

    fn there(&self, values: &[f32]) -> Vec<f32> {
        self.places().map(|(here, _)| values[here]).collect()
    }

    fn here(&self, values: &[f32]) -> Vec<f32> {
        let mut turned = vec![0.0; values.len()];
        self.places().for_each(|(here, there)| turned[here] = values[there]);
        turned
    }

    /// Where each number is here and there, in the order there.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let [height, width, channels, filters] = self.kernel.unwrap_or([1, 1, 1, self.len()]);
        let pixels = height * width;
        (0..self.len()).map(move |there| {
            let (pixel, channel) = (there % pixels, there / pixels % channels);
            ((pixel * channels + channel) * filters + there / (pixels * channels), there)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Connect, Conv2d, Dense, DepthwiseConv2d, Dropout, Flatten, SeparableConv2d, Sequential};

    fn graph() -> Graph {
        Sequential::new([4, 4, 3])
            .add(Conv2d::new(2, [1, 2]).named("a"))
            .add(DepthwiseConv2d::new(3).depth_multiplier(2).named("b"))
            .add(SeparableConv2d::new(2, 1).named("c"))
            .add(Flatten::new())
            .add(Dropout::new(0.5))
            .add(Dense::new(3).named("d"))
            .build()
            .unwrap()
    }

    /// Ours, numbered as it lies.
    fn counted(name: &str, shape: &[usize]) -> Tensor {
        let len: usize = shape.iter().product();
        Tensor { name: name.into(), shape: shape.to_vec(), values: (0..len).map(|i| i as f32).collect() }
    }

    #[test]
    fn numbers_move_to_where_pytorch_has_them_and_back() {
        let graph = graph();
        let names = StateDict::of(&graph);
        for (ours, shape, key, there, values) in [
            // [1, 2, 3, 2]: number 6 v + 2 c + o goes to 6 o + 2 c + v.
            (
                "a/kernel",
                &[1, 2, 3, 2][..],
                "a.weight",
                &[2, 3, 1, 2][..],
                &[0., 6., 2., 8., 4., 10., 1., 7., 3., 9., 5., 11.][..],
            ),
            ("a/bias", &[2], "a.bias", &[2], &[0., 1.]),
            // The map is [2, 1, 2]: number 6 i + 3 c + o goes to 4 o + 2 c + i.
            ("d/kernel", &[4, 3], "d.weight", &[3, 4], &[0., 6., 3., 9., 1., 7., 4., 10., 2., 8., 5., 11.]),
        ] {
            let tensor = counted(ours, shape);
            let moved = names.export(&tensor).unwrap();
            assert_eq!((&moved.name[..], &moved.shape[..], &moved.values[..]), (key, there, values));
            assert_eq!(names.import(&moved).unwrap(), tensor);
        }
        let depthwise = names.export(&counted("b/kernel", &[3, 3, 2, 2])).unwrap();
        assert_eq!(depthwise.shape, [4, 1, 3, 3]);
        assert_eq!(depthwise.values[..3], [0., 4., 8.]);
    }

    #[test]
    fn what_is_only_on_one_side_has_no_name_on_the_other() {
        let graph = graph();
        let names = StateDict::of(&graph);
        for ours in ["c/depthwise_kernel", "c/pointwise_kernel", "e/kernel", "a/gamma", "a", ""] {
            assert_eq!(names.key(ours), None, "{ours}");
        }
        for key in ["c.weight", "a.running_mean", "a.num_batches_tracked", "a", "", "e.weight"] {
            assert_eq!(names.parameter(key), None, "{key}");
        }
        assert_eq!(names.export(&counted("a/kernel", &[1, 2, 2, 3])), None);
        assert_eq!(names.import(&counted("a.weight", &[1, 2, 3, 2])), None);
    }
}
