//! Shards of small pictures, and indexing without anybody who watches.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::path::Path;

use data::{
    DataError, Uid, index,
    writer::{Naming, ShardLimits, ShardWriter},
};
use records::DataRoot;
use turbojpeg::{PixelFormat, Subsamp};

const SIDE: usize = 8;

fn pixels(number: u64) -> Vec<u8> {
    (0..(SIDE * SIDE * 3) as u64).map(|at| (at * 31 + number * 7) as u8).collect()
}

/// A PNG that no other number has.
pub fn png(number: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, SIDE as u32, SIDE as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.add_text_chunk("number".to_owned(), number.to_string()).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&pixels(number)).unwrap();
    writer.finish().unwrap();
    out
}

/// A JPEG.
pub fn jpeg(number: u64) -> Vec<u8> {
    let pixels = pixels(number);
    let image =
        turbojpeg::Image { pixels: &pixels[..], width: SIDE, pitch: SIDE * 3, height: SIDE, format: PixelFormat::RGB };
    turbojpeg::compress(image, 95, Subsamp::None).unwrap().to_vec()
}

/// A sample's uid: in another order than the numbers.
pub fn uid(number: u64) -> Uid {
    Uid(u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835).to_be_bytes())
}

/// Writes samples by number, with whatever image a function gives.
pub fn write(dir: &Path, numbers: impl IntoIterator<Item = u64>, per_shard: u32, image: impl Fn(u64) -> Vec<u8>) {
    let mut writer = ShardWriter::new(dir, Naming::Padded, ShardLimits { samples: per_shard, ..ShardLimits::USUAL });
    for number in numbers {
        writer.pair(&format!("{number:05}"), uid(number), "jpg", &image(number), &format!("picture {number}")).unwrap();
    }
    writer.finish().unwrap();
}

/// Indexes a folder.
pub fn build(dir: &Path) -> Result<DataRoot, DataError> {
    index::build(dir, &mut |_| ())
}
