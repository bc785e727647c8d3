//! Known answers of decoding, made with Pillow 9.3.0, and hostile files.

#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set should stop there")]

use data::pixels::{PIXELS_MAX, PixelError, decode};

/// A PNG of one colour type and depth with the given rows, uncompressed.
fn png(width: u32, height: u32, colour: png::ColorType, depth: png::BitDepth, rows: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(colour);
    encoder.set_depth(depth);
    encoder.write_header().unwrap().write_image_data(rows).unwrap();
    out
}

#[test]
fn sixteen_bits_become_eight_as_in_pillow() {
    use png::{BitDepth::Sixteen, ColorType};
    // Grey is clipped, colours and grey with alpha keep the high byte.
    let grey = [0u16, 7, 255, 256, 65535].map(u16::to_be_bytes).concat();
    let image = decode(&png(5, 1, ColorType::Grayscale, Sixteen, &grey)).unwrap();
    assert_eq!(image.pixels, [0u8, 7, 255, 255, 255].map(|value| [value; 3]).concat());
    let wide = [0x1234u16, 0x00ff, 0xfffe, 0x8000].map(u16::to_be_bytes).concat();
    let image = decode(&png(1, 1, ColorType::Rgba, Sixteen, &wide)).unwrap();
    assert_eq!(image.pixels, [0x12, 0x00, 0xff]);
    let image = decode(&png(2, 1, ColorType::GrayscaleAlpha, Sixteen, &wide)).unwrap();
    assert_eq!(image.pixels, [0x12, 0x12, 0x12, 0xff, 0xff, 0xff]);
}

#[test]
fn alpha_is_dropped_and_not_blended() {
    use png::{BitDepth::Eight, ColorType};
    let image = decode(&png(2, 1, ColorType::Rgba, Eight, &[1, 2, 3, 0, 4, 5, 6, 128])).unwrap();
    assert_eq!(image.pixels, [1, 2, 3, 4, 5, 6]);
}

#[test]
fn webp_lossless_gives_back_what_went_in() {
    let pixels: Vec<u8> = (0..30 * 20 * 3).map(|at| (at * 7 % 256) as u8).collect();
    let mut bytes = Vec::new();
    image_webp::WebPEncoder::new(&mut bytes).encode(&pixels, 30, 20, image_webp::ColorType::Rgb8).unwrap();
    let image = decode(&bytes).unwrap();
    assert_eq!((image.width, image.height, image.pixels), (30, 20, pixels));
}

fn jpeg(width: usize, height: usize, format: turbojpeg::PixelFormat, pixels: &[u8]) -> Vec<u8> {
    let mut compressor = turbojpeg::Compressor::new().unwrap();
    compressor.set_quality(100).unwrap();
    compressor.set_subsamp(turbojpeg::Subsamp::None).unwrap();
    let pitch = width * format.size();
    compressor.compress_to_vec(turbojpeg::Image { pixels, width, pitch, height, format }).unwrap()
}

#[test]
fn cmyk_is_taken_inverted() {
    // Stored as Adobe does: 255 is no ink. Full magenta and yellow give red; full black gives black.
    for (inks, rgb) in [([255u8, 0, 0, 255], [255u8, 0, 0]), ([255, 255, 255, 0], [0; 3]), ([255; 4], [255; 3])] {
        let image = decode(&jpeg(8, 8, turbojpeg::PixelFormat::CMYK, &inks.repeat(64))).unwrap();
        assert!(
            image.pixels.chunks_exact(3).all(|pixel| pixel.iter().zip(rgb).all(|(a, b)| a.abs_diff(b) <= 2)),
            "{inks:?}"
        );
    }
}

#[test]
fn a_cut_file_is_refused_wherever_it_ends() {
    let noise: Vec<u8> = (0..64 * 64 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut webp = Vec::new();
    image_webp::WebPEncoder::new(&mut webp).encode(&noise, 64, 64, image_webp::ColorType::Rgb8).unwrap();
    let files = [
        jpeg(64, 64, turbojpeg::PixelFormat::RGB, &noise),
        png(64, 64, png::ColorType::Rgb, png::BitDepth::Eight, &noise),
        webp,
    ];
    for bytes in files {
        decode(&bytes).unwrap();
        for length in (0..bytes.len() - 64).step_by(101) {
            assert!(decode(&bytes[..length]).is_err(), "{length} of {}", bytes.len());
        }
    }
}

#[test]
fn a_header_that_promises_too_much_is_refused_before_memory_is_taken() {
    let mut bytes = png(1, 1, png::ColorType::Rgb, png::BitDepth::Eight, &[0; 3]);
    // Width and height of IHDR, then its checksum.
    bytes[16..20].copy_from_slice(&60_000u32.to_be_bytes());
    bytes[20..24].copy_from_slice(&60_000u32.to_be_bytes());
    let sum = crc32(&bytes[12..29]);
    bytes[29..33].copy_from_slice(&sum.to_be_bytes());
    let error = decode(&bytes).unwrap_err();
    assert!(matches!(error, PixelError::Size { width: 60_000, height: 60_000 }), "{error}");
    assert!(error.to_string().contains(&PIXELS_MAX.to_string()));

    let mut bytes = jpeg(16, 16, turbojpeg::PixelFormat::RGB, &[9; 16 * 16 * 3]);
    // Height and width of the frame header.
    let frame = bytes.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    assert!(matches!(decode(&bytes), Err(PixelError::Size { width: 65_500, .. })));
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { sum >> 1 ^ 0xedb8_8320 } else { sum >> 1 })
    })
}

#[test]
fn random_damage_never_panics() {
    let noise: Vec<u8> = (0..40 * 40 * 3u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let mut webp = Vec::new();
    image_webp::WebPEncoder::new(&mut webp).encode(&noise, 40, 40, image_webp::ColorType::Rgb8).unwrap();
    let files = [
        jpeg(40, 40, turbojpeg::PixelFormat::RGB, &noise),
        png(40, 40, png::ColorType::Rgb, png::BitDepth::Eight, &noise),
        webp,
    ];
    let mut stream = numerics::Seed([4; 32]).stream("damage", &[]);
    for number in 0..3000 {
        let mut bytes = files[number % 3].clone();
        for _ in 0..1 + number % 4 {
            let at = stream.below(bytes.len() as u64) as usize;
            bytes[at] = stream.below(256) as u8;
        }
        if let Ok(image) = decode(&bytes) {
            assert_eq!(image.pixels.len(), (image.width * image.height * 3) as usize);
        }
    }
}
