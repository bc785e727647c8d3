//! Prints what this crate makes of images and texts, for a script that compares it with Pillow and open_clip.
//!
//! `data_peer pixels SIZE FILE..` prints a line an image: digests of its decoded pixels and of its evaluation crop.
//! `data_peer shapes FOLDER` writes the data of protocol `mini`.
//! `data_peer many FOLDER SAMPLES` writes shards of 10,000 samples with one small picture, for measurements.
//! `data_peer tokens CONTEXT` reads a JSON text a line and prints its tokens.

use std::{
    env, fs,
    io::{self, BufRead as _},
    process::ExitCode,
};

use data::{
    Tokenizer, Uid, pixels,
    writer::{Naming, ShardLimits, ShardWriter},
};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let done = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["pixels", size, ref files @ ..] => print_pixels(size, files),
        ["tokens", context] => print_tokens(context),
        ["shapes", folder] => print_shapes(folder),
        ["many", folder, samples] => write_many(folder, samples),
        _ => Err("usage: data_peer pixels SIZE FILE.. | tokens CONTEXT | shapes FOLDER | many FOLDER SAMPLES".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

type Done = Result<(), Box<dyn std::error::Error>>;

fn print_pixels(size: &str, files: &[&str]) -> Done {
    let size: u32 = size.parse()?;
    for file in files {
        let line = match pixels::decode(&fs::read(file)?) {
            Ok(image) => serde_json::json!({
                "file": file,
                "width": image.width,
                "height": image.height,
                "pixels": digits(&image.pixels),
                "crop": digits(&pixels::resize_crop(&image, size)),
            }),
            Err(error) => serde_json::json!({"file": file, "error": error.to_string()}),
        };
        println!("{line}");
    }
    Ok(())
}

fn digits(pixels: &[u8]) -> String {
    records::Sha256::of(pixels).bare()
}

fn print_shapes(folder: &str) -> Done {
    for (name, root) in data::shapes::generate(folder.as_ref(), &data::shapes::Spec::mini())? {
        println!("{name} {root}");
    }
    Ok(())
}

fn write_many(folder: &str, samples: &str) -> Done {
    let mut image = Vec::new();
    let mut encoder = png::Encoder::new(&mut image, 8, 8);
    encoder.set_color(png::ColorType::Rgb);
    let mut picture = encoder.write_header()?;
    picture.write_image_data(&[127; 8 * 8 * 3])?;
    picture.finish()?;
    let mut writer = ShardWriter::new(folder.as_ref(), Naming::Padded, ShardLimits::USUAL);
    for number in 0..samples.parse::<u128>()? {
        // An odd factor: all differ, in no order.
        let uid = Uid(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes());
        writer.pair(&format!("{number:09}"), uid, "png", &image, &format!("picture {number}"))?;
    }
    writer.finish()?;
    Ok(())
}

fn print_tokens(context: &str) -> Done {
    let context: usize = context.parse()?;
    let tokenizer = Tokenizer::new();
    for line in io::stdin().lock().lines() {
        let text: String = serde_json::from_str(&line?)?;
        println!(
            "{}",
            serde_json::json!({"clean": data::text::clean(&text), "tokens": tokenizer.encode(&text, context)})
        );
    }
    Ok(())
}
