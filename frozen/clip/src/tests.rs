//! The model against its definition: shapes, cuts, gradients, files.

use numerics::Stream;
use tch::{Kind, no_grad};

use super::*;
use crate::config::tests::{MINI, VIT_B_32};

const SEED: Seed = Seed([5; 32]);

fn mini() -> ModelConfig {
    ModelConfig::parse(MINI).unwrap()
}

/// A model small enough for finite differences, in f64, with a bias and norm that are not trivial.
fn tiny_f64(quick_gelu: bool) -> (ModelConfig, BTreeMap<String, Tensor>) {
    let mut config = mini();
    config.quick_gelu = quick_gelu;
    config.embed_dim = 6;
    config.vision_cfg =
        config::VisionConfig { image_size: 4, layers: 1, width: 8, patch_size: 2, head_width: 4, mlp_ratio: 2.0 };
    config.text_cfg =
        config::TextConfig { context_length: 8, vocab_size: 11, width: 8, heads: 2, layers: 2, mlp_ratio: 2.0 };
    let tensors = shapes(&config).into_iter().map(|tensor| {
        let mut stream = SEED.stream(&tensor.name, &[1]);
        let base = if matches!(tensor.law, shapes::Distribution::Constant(1.0)) { 1.0 } else { 0.0 };
        let values: Vec<f64> = (0..tensor.len()).map(|_| base + 0.3 * stream.normal()).collect();
        let shape: Vec<i64> = tensor.shape.iter().map(|&n| n as i64).collect();
        (tensor.name, Tensor::from_slice(&values).reshape(shape))
    });
    let tensors = tensors.collect();
    (config, tensors)
}

fn normals(shape: &[i64], stream: &mut Stream) -> Tensor {
    let values: Vec<f64> = (0..shape.iter().product::<i64>()).map(|_| stream.normal()).collect();
    Tensor::from_slice(&values).reshape(shape)
}

fn tokens(rows: &[&[i64]], length: usize) -> Tensor {
    let padded: Vec<i64> =
        rows.iter().flat_map(|row| row.iter().copied().chain(std::iter::repeat_n(0, length - row.len()))).collect();
    Tensor::from_slice(&padded).reshape([rows.len() as i64, length as i64])
}

fn largest_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

#[test]
fn embeddings_are_unit_rows_of_the_right_shape() {
    let model = Clip::initialise(&mini(), &SEED).unwrap();
    let images = normals(&[3, 3, 32, 32], &mut SEED.stream("images", &[])).to_kind(Kind::Float);
    let image = model.encode_image(&images).unwrap();
    let text = model.encode_text(&tokens(&[&[49406, 320, 49407], &[49406, 1, 2, 3, 49407]], 16)).unwrap();
    assert_eq!((image.size(), text.size()), (vec![3, 64], vec![2, 64]));
    for rows in [image, text] {
        let lengths = rows.square().sum_dim_intlist([-1i64].as_slice(), false, None);
        assert!(largest_difference(&lengths, &lengths.ones_like()) < 1e-5);
    }
}

#[test]
fn a_cut_text_has_the_same_embedding() {
    let model = Clip::initialise(&mini(), &SEED).unwrap();
    let rows: [&[i64]; 2] = [&[49406, 320, 7, 49407], &[49406, 1, 2, 3, 9, 10, 11, 49407]];
    let [whole, cut] = [16, 8].map(|length| model.encode_text(&tokens(&rows, length)).unwrap());
    assert!(largest_difference(&whole, &cut) < 3e-6);
}

#[test]
fn what_follows_the_end_token_cannot_reach_an_embedding() {
    let model = Clip::initialise(&mini(), &SEED).unwrap();
    let plain = model.encode_text(&tokens(&[&[49406, 320, 49407]], 16)).unwrap();
    let noisy = model.encode_text(&tokens(&[&[49406, 320, 49407, 5, 6, 7, 49407]], 16)).unwrap();
    assert_eq!(plain, noisy);
    let before = model.encode_text(&tokens(&[&[49406, 321, 49407]], 16)).unwrap();
    assert_ne!(plain, before);
}

#[test]
fn renumbered_tokens_give_the_same_bits() {
    let model = Clip::initialise(&mini(), &SEED).unwrap();
    let ids = Tensor::from_slice(&[0i64, 7, 320, 49406, 49407]);
    let table = model.parameters()[TOKEN_EMBEDDING].index_select(0, &ids);
    let whole = model.encode_text(&tokens(&[&[49406, 320, 7, 49407]], 8)).unwrap();
    let compact = model.encode_text_with(&table, &tokens(&[&[3, 2, 1, 4]], 8)).unwrap();
    assert_eq!(whole, compact);
}

/// A scalar of both towers: projections on fixed directions, so that every parameter has a gradient.
fn objective(model: &Clip) -> Tensor {
    let mut stream = SEED.stream("objective", &[]);
    let images = normals(&[2, 3, 4, 4], &mut stream);
    let directions = normals(&[2, 6], &mut stream);
    let image = model.encode_image(&images).unwrap();
    let text = model.encode_text(&tokens(&[&[9, 3, 10], &[9, 4, 4, 5, 10]], 8)).unwrap();
    (image * &directions).sum(Kind::Double) + (text * directions.flip([0])).sum(Kind::Double)
}

#[test]
fn gradients_agree_with_finite_differences() {
    const STEP: f64 = 1e-5;
    shim::one_thread().unwrap();
    for quick_gelu in [false, true] {
        let (config, tensors) = tiny_f64(quick_gelu);
        let leaves: BTreeMap<_, _> =
            tensors.into_iter().map(|(name, tensor)| (name, tensor.set_requires_grad(true))).collect();
        let model = Clip::build(&config, leaves).unwrap();
        let leaves: Vec<_> = model.parameters().values().collect();
        let gradients = Tensor::run_backward(&[objective(&model)], &leaves, false, false);
        for ((name, parameter), gradient) in model.parameters().iter().zip(gradients) {
            let length = parameter.numel();
            // Elements spread over the tensor; all of a small one.
            for at in (0..length).step_by(length.div_ceil(5)) {
                let moved = |by: f64| {
                    no_grad(|| {
                        let mut flat = parameter.view([-1]).narrow(0, at as i64, 1);
                        let _ = flat.f_add_scalar_(by).unwrap();
                        let value = objective(&model).double_value(&[]);
                        let _ = flat.f_sub_scalar_(by).unwrap();
                        value
                    })
                };
                let numeric = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
                let found = gradient.reshape([-1]).double_value(&[at as i64]);
                assert!(
                    (numeric - found).abs() < 1e-8 + 1e-6 * numeric.abs(),
                    "{name}[{at}]: {found}, numeric {numeric}"
                );
            }
        }
    }
}

/// The image tower written out again: a real convolution, attention with an explicit softmax.
#[test]
fn the_image_tower_is_its_composed_definition() {
    let (config, tensors) = tiny_f64(true);
    let model = Clip::build(&config, tensors).unwrap();
    let p = |name: &str| model.parameters()[&format!("visual.{name}")].shallow_clone();
    let norm = |x: &Tensor, name: &str| {
        let centred = x - x.mean_dim([-1i64].as_slice(), true, None);
        let variance = centred.square().mean_dim([-1i64].as_slice(), true, None);
        centred / (variance + 1e-5).sqrt() * p(&format!("{name}.weight")) + p(&format!("{name}.bias"))
    };
    let images = normals(&[2, 3, 4, 4], &mut SEED.stream("images", &[]));
    let patches =
        images.conv2d(&p("conv1.weight"), None::<Tensor>, [2, 2], [0, 0], [1, 1], 1).flatten(2, 3).transpose(1, 2);
    let class = p("class_embedding").expand([2, 1, 8], false);
    let x = norm(&(Tensor::cat(&[class, patches], 1) + p("positional_embedding")), "ln_pre");
    let block = "transformer.resblocks.0";
    let linear = |x: &Tensor, name: &str| {
        x.matmul(&p(&format!("{block}.{name}weight")).transpose(0, 1)) + p(&format!("{block}.{name}bias"))
    };
    let joint = linear(&norm(&x, &format!("{block}.ln_1")), "attn.in_proj_").chunk(3, -1);
    let heads = |x: &Tensor| x.reshape([2, 5, 2, 4]).transpose(1, 2);
    let scores = (heads(&joint[0]).matmul(&heads(&joint[1]).transpose(2, 3)) / 2.0).softmax(-1, Kind::Double);
    let mixed = scores.matmul(&heads(&joint[2])).transpose(1, 2).reshape([2, 5, 8]);
    let x = x + linear(&mixed, "attn.out_proj.");
    let hidden = linear(&norm(&x, &format!("{block}.ln_2")), "mlp.c_fc.");
    let x = x + linear(&(&hidden * (&hidden * 1.702).sigmoid()), "mlp.c_proj.");
    let out = norm(&x.select(1, 0), "ln_post").matmul(&p("proj"));
    let unit = &out / out.square().sum_dim_intlist([-1i64].as_slice(), true, None).sqrt();
    assert!(largest_difference(&unit, &model.encode_image(&images).unwrap()) < 1e-12);
}

#[test]
fn a_checkpoint_round_trips_and_another_models_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let values = values::initial(&mini(), &SEED);
    let mut tensors: Vec<_> = values.iter().map(|(name, v)| (name.clone(), &*v.shape, &*v.data)).collect();
    tensors.push((LOGIT_SCALE.into(), &[], &[1.25]));
    values::write(&path, &tensors).unwrap();
    let model = Clip::load(&mini(), &path).unwrap();
    assert_eq!(model.log_scale(), 1.25);
    assert_eq!(model.parameters().len(), values.len());
    for (name, tensor) in model.parameters() {
        assert_eq!(Vec::<f32>::try_from(tensor.reshape([-1])).unwrap(), values[name].data, "{name}");
    }
    let error = Clip::load(&ModelConfig::parse(VIT_B_32).unwrap(), &path).unwrap_err().to_string();
    assert!(error.contains("does the model configuration belong"), "{error}");
    let mut wider = mini();
    wider.embed_dim = 32;
    let error = Clip::load(&wider, &path).unwrap_err().to_string();
    assert!(error.contains("text_projection") && error.contains("asks for [32, 32]"), "{error}");
}
