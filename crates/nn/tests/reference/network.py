"""A network as divvy's JSON describes it, read independently: what each layer means, in PyTorch and double precision.

Pictures come in as [batch, height, width, channels] and parameters lie as in Keras, as everywhere outside divvy. In between,
maps are [batch, channels, height, width], PyTorch's own order, so that its default kernels are what divvy is compared with.
"""

import math
import re

import torch
import torch.nn.functional as F

DEFAULT_ALPHA = {"leaky_relu": 0.3, "elu": 1.0}  # Keras's

ACTIVATIONS = {
    "linear": lambda x: x,
    "relu": F.relu,
    "relu6": F.relu6,
    "leaky_relu": F.leaky_relu,
    "elu": F.elu,
    "gelu": F.gelu,
    "silu": F.silu,
    "hard_swish": F.hardswish,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "softmax": lambda x: F.softmax(x, dim=1),
}

# With the weights of a 1 and of a 0 in each column.
LOSSES = {
    "softmax": lambda x, t, one, zero: F.cross_entropy(x, t, weight=one, reduction="none").mean(),
    "sigmoid": lambda x, t, one, zero: F.binary_cross_entropy_with_logits(x, t, weight=zero, pos_weight=one / zero),
    "linear": lambda x, t, one, zero: F.mse_loss(x, t),
}


def node(kind, name=None, inputs=None, **settings):
    """A layer; without inputs it reads the one before it."""
    return {"name": name or kind, "inputs": inputs, "layer": {"type": kind, **settings}}


def activate(spelling, x):
    name, alpha = re.fullmatch(r"(\w+)(?:\((.+)\))?", spelling).groups()
    if name in DEFAULT_ALPHA:
        return ACTIVATIONS[name](x, float(alpha) if alpha else DEFAULT_ALPHA[name])
    return ACTIVATIONS[name](x)


def pair(value):
    return [value, value] if isinstance(value, int) else list(value)


def same_margins(size, window, stride, dilation):
    """Rows (or columns) that `same` puts before and after, as TensorFlow computes them."""
    reach = (math.ceil(size / stride) - 1) * stride + (window - 1) * dilation + 1
    total = max(reach - size, 0)
    return total // 2, total - total // 2


def pad(x, layer, window, strides, dilation, value=0.0):
    if layer.get("padding", "valid") == "valid":
        return x
    if layer["padding"] != "same":
        (top, bottom), (left, right) = layer["padding"]
        return F.pad(x, (left, right, top, bottom), value=value)
    top, bottom = same_margins(x.shape[2], window[0], strides[0], dilation[0])
    left, right = same_margins(x.shape[3], window[1], strides[1], dilation[1])
    return F.pad(x, (left, right, top, bottom), value=value)


def conv2d(layer, x, parameter):
    kernel, strides = pair(layer["kernel"]), pair(layer.get("strides", 1))
    dilation, groups = pair(layer.get("dilation", 1)), layer.get("groups", 1)
    weights = parameter("kernel", [*kernel, x.shape[1] // groups, layer["filters"]]).permute(3, 2, 0, 1).contiguous()
    bias = parameter("bias", [layer["filters"]]) if layer.get("use_bias", True) else None
    x = pad(x, layer, kernel, strides, dilation)
    return F.conv2d(x, weights, bias, strides, 0, dilation, groups)


def depthwise(layer, x, parameter, name):
    """Keras's order of outputs: those of the first channel, those of the second, and so on."""
    kernel, strides, dilation = pair(layer["kernel"]), pair(layer.get("strides", 1)), pair(layer.get("dilation", 1))
    channels, multiplier = x.shape[1], layer.get("depth_multiplier", 1)
    weights = parameter(name, [*kernel, channels, multiplier]).permute(2, 3, 0, 1)
    weights = weights.reshape(channels * multiplier, 1, *kernel)
    return F.conv2d(pad(x, layer, kernel, strides, dilation), weights, None, strides, 0, dilation, channels)


def depthwise_conv2d(layer, x, parameter):
    return with_bias(layer, depthwise(layer, x, parameter, "kernel"), parameter)


def separable_conv2d(layer, x, parameter):
    x = depthwise(layer, x, parameter, "depthwise_kernel")
    weights = parameter("pointwise_kernel", [1, 1, x.shape[1], layer["filters"]])
    return with_bias(layer, F.conv2d(x, weights.permute(3, 2, 0, 1)), parameter)


def with_bias(layer, y, parameter):
    return y + parameter("bias", [y.shape[1]]).view(1, -1, 1, 1) if layer.get("use_bias", True) else y


def dense(layer, x, parameter):
    y = x @ parameter("kernel", [x.shape[1], layer["units"]])
    return y + parameter("bias", [layer["units"]]) if layer.get("use_bias", True) else y


def batch_norm(layer, x, parameter, training):
    channels = [x.shape[1]]
    gamma = parameter("gamma", channels) if layer.get("scale", True) else None
    beta = parameter("beta", channels) if layer.get("center", True) else None
    mean, variance = parameter("moving_mean", channels), parameter("moving_variance", channels)
    epsilon, momentum = layer.get("epsilon", 1e-3), layer.get("momentum", 0.99)
    y = F.batch_norm(x, mean, variance, gamma, beta, training=False, eps=epsilon)
    if training:
        y = F.batch_norm(x, None, None, gamma, beta, training=True, eps=epsilon)
        # Keras moves by the biased variance and keeps `momentum` of the old value; PyTorch does neither, so it is written out.
        others = [axis for axis in range(x.dim()) if axis != 1]
        with torch.no_grad():
            mean.lerp_(x.mean(others), 1 - momentum)
            variance.lerp_(x.var(others, unbiased=False), 1 - momentum)
    return y


def max_pool(layer, x):
    window = pair(layer["pool"])
    strides = pair(layer.get("strides") or window)
    return F.max_pool2d(pad(x, layer, window, strides, [1, 1], -math.inf), window, strides)


def avg_pool(layer, x):
    """The mean over the values inside the picture: a sum over the padded window by the count of what is no padding."""
    window = pair(layer["pool"])
    strides = pair(layer.get("strides") or window)
    mean = lambda x: F.avg_pool2d(pad(x, layer, window, strides, [1, 1]), window, strides)
    return mean(x) / mean(torch.ones_like(x))


def zero_pad(layer, x):
    (top, bottom), (left, right) = layer["padding"]
    return F.pad(x, (left, right, top, bottom))


def normalization(layer, x):
    channels = [1, -1] + [1] * (x.dim() - 2)
    mean = torch.tensor(layer["mean"], dtype=x.dtype).view(channels)
    deviation = torch.tensor(layer["variance"], dtype=x.dtype).view(channels).sqrt()
    return (x - mean) / deviation


class Network:
    def __init__(self, task, nodes):
        """Nodes as `node` makes them, the first of them the input."""
        self.nodes = [{**nodes[0], "inputs": []}]
        for node in nodes[1:]:
            self.nodes.append({**node, "inputs": node["inputs"] or [self.nodes[-1]["name"]]})
        self.task = task

    def description(self):
        """What divvy reads: its own JSON of a network."""
        return {"task": self.task, "graph": {"layers": self.nodes}}

    @property
    def head(self):
        """The activation at the end, which belongs to the loss."""
        layer = self.nodes[-1]["layer"]
        return layer["function"] if layer["type"] == "activation" else layer.get("activation", "linear")

    def logits(self, images, parameters, training):
        """What the head's activation is given. `parameters` is called with a full name and a shape."""
        return self.values(images, parameters, training)[self.nodes[-1]["name"]]

    def values(self, images, parameters, training):
        """The output of every layer by its name; of the last one, what the head's activation is given."""
        # Contiguous: in float32, PyTorch's batch norm over channels-last memory is off by some 1e-4.
        values = {"input": images.permute(0, 3, 1, 2).contiguous() if images.dim() == 4 else images}
        for node in self.nodes[1:]:
            inputs = [values[name] for name in node["inputs"]]
            parameter = lambda name, shape: parameters(f"{node['name']}/{name}", shape)
            values[node["name"]] = self.forward(node, inputs, parameter, training)
        return values

    def forward(self, node, inputs, parameter, training):
        layer, x = node["layer"], inputs[0]
        # The activation of a layer that has one, but for the head's.
        finish = (lambda key, y: y) if node is self.nodes[-1] else (lambda key, y: activate(layer.get(key, "linear"), y))
        match layer["type"]:
            case "conv2d":
                return finish("activation", conv2d(layer, x, parameter))
            case "depthwise_conv2d":
                return finish("activation", depthwise_conv2d(layer, x, parameter))
            case "separable_conv2d":
                return finish("activation", separable_conv2d(layer, x, parameter))
            case "dense":
                return finish("activation", dense(layer, x, parameter))
            case "activation":
                return finish("function", x)
            case "batch_norm":
                return batch_norm(layer, x, parameter, training)
            case "max_pool2d":
                return max_pool(layer, x)
            case "avg_pool2d":
                return avg_pool(layer, x)
            case "adaptive_avg_pool2d":
                return F.adaptive_avg_pool2d(x, pair(layer["output_size"]))
            case "global_avg_pool2d":
                return x.mean([2, 3])
            case "global_max_pool2d":
                return x.flatten(2).max(2).values
            case "dropout" if not training:
                return x
            case "flatten":
                return x.permute(0, 2, 3, 1).flatten(1) if x.dim() == 4 else x
            case "zero_pad2d":
                return zero_pad(layer, x)
            case "add":
                return sum(inputs[1:], inputs[0])
            case "concat":
                return torch.cat(inputs, dim=1)
            case "rescaling":
                return x * layer["scale"] + layer.get("offset", 0.0)
            case "normalization":
                return normalization(layer, x)

    def loss(self, logits, targets, weights=None):
        """The mean over the batch; over the units too, but for softmax, as PyTorch's losses are. `weights` are [2, units]: of a 1 and of a
        0 in each column."""
        one, zero = torch.ones(2, logits.shape[1], dtype=logits.dtype) if weights is None else weights
        return LOSSES[self.head](logits, targets, one, zero)
