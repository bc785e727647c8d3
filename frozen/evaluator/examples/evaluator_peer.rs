//! Prints what our model and our metrics make of given numbers, for a script that compares them with
//! open_clip and CLIP_benchmark.
//!
//! `evaluator_peer initial MODEL.json FOLDER` writes initial weights as `model.safetensors`.
//! `evaluator_peer features MODEL.json FOLDER` reads `model.safetensors` and `inputs.safetensors` (images, tokens) and
//! writes `features.safetensors` (image, text).
//! `evaluator_peer scores FOLDER..` reads `scores.safetensors` (images, texts, owners, classes, labels) of each and prints a
//! line of JSON: each metric's value, its items' influences and its ties. `classes` holds `templates` rows a class;
//! `image_inputs`, `text_inputs` and `class_inputs` number what went in, equal numbers for identical inputs.

use std::{collections::BTreeMap, env, error::Error, fs, path::Path, process::ExitCode};

use clip::{Clip, ModelConfig, NamedValues, Values, values};
use tasks::{Features, Inputs, Metrics, ScoredMetric, classification, retrieval};
use tch::{Kind, Tensor};

type Done<T = ()> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["initial", model, folder] => initial(model, folder.as_ref()),
        ["features", model, folder] => features(model, folder.as_ref()),
        ["scores", ref folders @ ..] => folders.iter().try_for_each(|folder| scores(folder.as_ref())),
        _ => Err("usage: evaluator_peer initial MODEL FOLDER | features MODEL FOLDER | scores FOLDER..".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

fn initial(model: &str, folder: &Path) -> Done {
    let mut values = values::initial(&ModelConfig::parse(&fs::read_to_string(model)?)?, &numerics::Seed([11; 32]));
    values.insert("logit_scale".to_owned(), Values { shape: Vec::new(), data: vec![clip::LOGIT_SCALE_INITIAL] });
    write(&folder.join("model.safetensors"), &values)
}

fn features(model: &str, folder: &Path) -> Done {
    shim::one_thread()?;
    shim::pin(shim::Fill::Nothing)?;
    let config = ModelConfig::parse(&fs::read_to_string(model)?)?;
    let clip = Clip::load(&config, &folder.join("model.safetensors"))?;
    let inputs = values::from_file(&fs::read(folder.join("inputs.safetensors"))?)?;
    let tokens = tensor(take(&inputs, "tokens")?)?.f_to_kind(Kind::Int64)?;
    let images = tensor(take(&inputs, "images")?)?;
    let found = [
        ("image".to_owned(), named(&tch::no_grad(|| clip.encode_image(&images))?)?),
        ("text".to_owned(), named(&tch::no_grad(|| clip.encode_text(&tokens))?)?),
    ];
    write(&folder.join("features.safetensors"), &BTreeMap::from(found))
}

fn scores(folder: &Path) -> Done {
    let inputs = values::from_file(&fs::read(folder.join("scores.safetensors"))?)?;
    let rows = |name: &str| -> Done<Features> {
        let values = take(&inputs, name)?;
        let mut features = Features::new(*values.shape.last().ok_or("a tensor without a width")?);
        features.extend(&values.data)?;
        Ok(features)
    };
    let whole = |name: &str| -> Done<Vec<u32>> { Ok(take(&inputs, name)?.data.iter().map(|&at| at as u32).collect()) };
    let of = |features: Features, name: &str| -> Done<Inputs> { Ok(Inputs::new(features, whole(name)?)?) };
    let owners: Vec<usize> = whole("owners")?.into_iter().map(|at| at as usize).collect();
    let templates = whole("templates")?.first().copied().ok_or("no number of templates")?;
    let classes = of(rows("classes")?.classifier(templates as usize)?, "class_inputs")?;
    let (images, texts) = (of(rows("images")?, "image_inputs")?, of(rows("texts")?, "text_inputs")?);
    let found = [classification(&rows("images")?, &whole("labels")?, &classes)?, retrieval(&images, &texts, &owners)?];
    let all: BTreeMap<String, serde_json::Value> = found
        .into_iter()
        .flat_map(|Metrics(metrics)| metrics)
        .map(|(name, scored)| (name, scored.map_or(serde_json::Value::Null, json)))
        .collect();
    println!("{}", serde_json::to_string(&all)?);
    Ok(())
}

fn json(scored: ScoredMetric) -> serde_json::Value {
    serde_json::json!({"value": scored.value, "influences": scored.influences, "ties": scored.ties})
}

fn take<'a>(values: &'a NamedValues, name: &str) -> Done<&'a Values> {
    values.get(name).ok_or_else(|| format!("no tensor `{name}`").into())
}

fn tensor(values: &Values) -> Done<Tensor> {
    let shape: Vec<i64> = values.shape.iter().map(|&length| length as i64).collect();
    Ok(Tensor::f_from_slice(&values.data)?.f_reshape(shape)?)
}

fn named(tensor: &Tensor) -> Done<Values> {
    let flat = tensor.f_contiguous()?.f_reshape([-1])?;
    Ok(Values { shape: tensor.size().iter().map(|&length| length as usize).collect(), data: Vec::try_from(&flat)? })
}

fn write(path: &Path, values: &NamedValues) -> Done {
    let tensors: Vec<_> = values.iter().map(|(name, value)| (name.clone(), &*value.shape, &*value.data)).collect();
    Ok(values::write(path, &tensors)?)
}
