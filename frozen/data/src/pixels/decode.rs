//! JPEG, PNG and WebP to RGB, as Pillow's `Image.open(..).convert("RGB")` gives it.
//!
//! The format is told by the first bytes, not by a name. JPEG goes through libjpeg-turbo, as in Pillow;
//! CMYK is taken as Adobe stores it, inverted. Alpha is dropped and not blended. Of 16 bits a channel the
//! high byte stays, but grey values are clipped to 255: that is what Pillow does.

use std::io::Cursor;

use png::{BitDepth, ColorType, Limits, Transformations};
use turbojpeg::{Colorspace, Decompressor, PixelFormat};

use super::Image;

/// The most pixels of an image: twice Pillow's warning mark, where Pillow refuses too.
pub const PIXELS_MAX: u64 = 178_956_970;

/// Scans of a progressive JPEG; more are a known way to burn time.
const SCANS_MAX: u32 = 500;

/// Bytes that a decoder may take for itself.
const DECODER_BYTES_MAX: usize = 1 << 30;

/// An image that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PixelError {
    /// Neither JPEG nor PNG nor WebP.
    #[error("not a JPEG, PNG or WebP file")]
    Format,
    /// More pixels than [`PIXELS_MAX`], or none.
    #[error("{width} x {height} pixels: an image has at least one pixel and at most {PIXELS_MAX}")]
    Size {
        /// Columns.
        width: u64,
        /// Rows.
        height: u64,
    },
    /// The decoder of its format refuses it.
    #[error("{format}: {why}")]
    Broken {
        /// JPEG, PNG or WebP.
        format: &'static str,
        /// What the decoder says.
        why: String,
    },
}

/// Decodes an image.
pub fn decode(bytes: &[u8]) -> Result<Image, PixelError> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => jpeg(bytes),
        [0x89, b'P', b'N', b'G', ..] => png(bytes),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => webp(bytes),
        _ => Err(PixelError::Format),
    }
}

fn broken<E: std::fmt::Display>(format: &'static str) -> impl Fn(E) -> PixelError {
    move |error| PixelError::Broken { format, why: error.to_string() }
}

fn check_size(width: u64, height: u64) -> Result<usize, PixelError> {
    match width.checked_mul(height) {
        Some(pixels @ 1..=PIXELS_MAX) => Ok(pixels as usize),
        _ => Err(PixelError::Size { width, height }),
    }
}

fn jpeg(bytes: &[u8]) -> Result<Image, PixelError> {
    let mut decompressor = Decompressor::new().map_err(broken("JPEG"))?;
    decompressor.set_scan_limit(SCANS_MAX).map_err(broken("JPEG"))?;
    let header = decompressor.read_header(bytes).map_err(broken("JPEG"))?;
    let (width, height) = (header.width, header.height);
    let count = check_size(width as u64, height as u64)?;
    let cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if cmyk { PixelFormat::CMYK } else { PixelFormat::RGB };
    let mut pixels = vec![0; count * format.size()];
    let image = turbojpeg::Image { pixels: &mut pixels[..], width, pitch: width * format.size(), height, format };
    match decompressor.decompress(bytes, image) {
        // Stray bytes between markers are a warning to Pillow; every pixel was decoded all the same.
        Err(turbojpeg::Error::TurboJpegError(text)) if text.contains("Corrupt JPEG data") => {}
        other => other.map_err(broken("JPEG"))?,
    }
    let pixels = if cmyk { pixels.chunks_exact(4).flat_map(from_inverted_cmyk).collect() } else { pixels };
    Ok(Image { width: width as u32, height: height as u32, pixels })
}

/// Ink values as Adobe stores them, 255 for none: red is white less cyan, scaled by what black leaves.
fn from_inverted_cmyk(inks: &[u8]) -> [u8; 3] {
    let light = u32::from(inks[3]);
    [0, 1, 2].map(|at| {
        let product = (255 - u32::from(inks[at])) * light + 128;
        // Division by 255, rounded.
        (light - ((product + (product >> 8)) >> 8).min(light)) as u8
    })
}

fn png(bytes: &[u8]) -> Result<Image, PixelError> {
    let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), Limits { bytes: DECODER_BYTES_MAX });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(broken("PNG"))?;
    let (width, height) = (reader.info().width, reader.info().height);
    let count = check_size(u64::from(width), u64::from(height))?;
    // Eight bytes a pixel at the most; the decoder's own limit does not cover this buffer.
    let size = reader.output_buffer_size().filter(|size| *size <= count * 8);
    let mut buffer = vec![0; size.ok_or(PixelError::Size { width: width.into(), height: height.into() })?];
    let frame = reader.next_frame(&mut buffer).map_err(broken("PNG"))?;
    let wide = frame.bit_depth == BitDepth::Sixteen;
    let channels = frame.color_type.samples();
    let grey = matches!(frame.color_type, ColorType::Grayscale | ColorType::GrayscaleAlpha);
    // A 16-bit grey image without alpha is Pillow's mode `I`, which is clipped, with `tRNS` or not.
    let clips = wide && grey && reader.info().color_type == ColorType::Grayscale;
    let value = |sample: &[u8]| match sample {
        [high, _] if clips && *high > 0 => 255,
        [_, low] if clips => *low,
        _ => sample[0],
    };
    let sample_bytes = if wide { 2 } else { 1 };
    let mut pixels = Vec::with_capacity(count * 3);
    for pixel in buffer[..frame.buffer_size()].chunks_exact(channels * sample_bytes) {
        let at = |channel: usize| value(&pixel[channel * sample_bytes..][..sample_bytes]);
        pixels.extend(if grey { [at(0); 3] } else { [at(0), at(1), at(2)] });
    }
    Ok(Image { width, height, pixels })
}

fn webp(bytes: &[u8]) -> Result<Image, PixelError> {
    let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).map_err(broken("WebP"))?;
    decoder.set_memory_limit(DECODER_BYTES_MAX);
    let (width, height) = decoder.dimensions();
    let count = check_size(u64::from(width), u64::from(height))?;
    let channels = if decoder.has_alpha() { 4 } else { 3 };
    let mut pixels = vec![0; count * channels];
    decoder.read_image(&mut pixels).map_err(broken("WebP"))?;
    if channels == 4 {
        pixels = pixels.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect();
    }
    Ok(Image { width, height, pixels })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(matches!(decode(b""), Err(PixelError::Format)));
        assert!(matches!(decode(b"GIF89a"), Err(PixelError::Format)));
        assert!(matches!(decode(&[0xff, 0xd8, 0xff]), Err(PixelError::Broken { format: "JPEG", .. })));
    }
}
