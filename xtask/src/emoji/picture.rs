//! Pictures: sheets are decoded once and cut into cells, transparency is laid over white, and the result
//! is written as PNG.
//!
//! Models see no alpha: what stands under a transparent pixel is whatever a vendor's program left there,
//! so it must go before the picture becomes a sample.

use std::io::{BufReader, Cursor};

use anyhow::{Context as _, Result, bail, ensure};

/// Cells of a sheet have this margin on each side, in pixels.
const MARGIN: u32 = 1;

/// An opaque picture: `height * width * 3` values, R, G, B, rows from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// The values.
    pub rgb: Vec<u8>,
}

/// A picture with transparency.
pub struct Sheet {
    width: u32,
    height: u32,
    rgba: Vec<u8>,
}

impl Sheet {
    /// Decodes a PNG with four channels of 8 bits: what the vendors' unreduced sheets are.
    pub fn png(bytes: &[u8]) -> Result<Self> {
        let mut reader = png::Decoder::new(BufReader::new(Cursor::new(bytes))).read_info().context("not a PNG")?;
        let size = reader.output_buffer_size().context("a PNG larger than memory")?;
        let mut rgba = vec![0; size];
        let frame = reader.next_frame(&mut rgba).context("a broken PNG")?;
        if (frame.color_type, frame.bit_depth) != (png::ColorType::Rgba, png::BitDepth::Eight) {
            bail!("a PNG of {:?} and {:?}, expected RGBA of 8 bits", frame.color_type, frame.bit_depth);
        }
        Ok(Self { width: frame.width, height: frame.height, rgba })
    }

    /// Decodes a WebP file; without an alpha channel it is opaque.
    pub fn webp(bytes: &[u8]) -> Result<Self> {
        let mut decoder = image_webp::WebPDecoder::new(Cursor::new(bytes)).context("not a WebP file")?;
        let (width, height) = decoder.dimensions();
        let mut values = vec![0; decoder.output_buffer_size().context("a WebP file larger than memory")?];
        let alpha = decoder.has_alpha();
        decoder.read_image(&mut values).context("a broken WebP file")?;
        let rgba = match alpha {
            true => values,
            false => values.chunks_exact(3).flat_map(|rgb| [rgb[0], rgb[1], rgb[2], 255]).collect(),
        };
        Ok(Self { width, height, rgba })
    }

    /// The cell in this column and row of a sheet of cells of `size` pixels, over white.
    pub fn cell(&self, (column, row): (u32, u32), size: u32) -> Result<Picture> {
        let pitch = size + 2 * MARGIN;
        self.over_white(column * pitch + MARGIN, row * pitch + MARGIN, size, size)
    }

    /// The whole picture over white.
    pub fn whole(&self) -> Result<Picture> {
        self.over_white(0, 0, self.width, self.height)
    }

    fn over_white(&self, left: u32, top: u32, width: u32, height: u32) -> Result<Picture> {
        ensure!(
            left + width <= self.width && top + height <= self.height,
            "a cell at {left}, {top} of a sheet of {} x {} pixels",
            self.width,
            self.height
        );
        let mut rgb = Vec::with_capacity((width * height * 3) as usize);
        for row in top..top + height {
            let start = (row * self.width + left) as usize * 4;
            for pixel in self.rgba[start..start + width as usize * 4].chunks_exact(4) {
                rgb.extend(pixel[..3].iter().map(|&value| blend(value, pixel[3])));
            }
        }
        Ok(Picture { width, height, rgb })
    }
}

/// A value of this opacity over white, rounded to the nearest.
fn blend(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

impl Picture {
    /// Encodes it as PNG.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.rgb)?;
        writer.finish()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sheet of 2 x 1 cells of 2 pixels whose red value counts the pixels of the sheet.
    fn sheet(alpha: u8) -> Sheet {
        Sheet { width: 8, height: 4, rgba: (0..32).flat_map(|at| [at, 0, 255, alpha]).collect() }
    }

    fn png(color: png::ColorType, width: u32, height: u32, values: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width, height);
        encoder.set_color(color);
        encoder.write_header().unwrap().write_image_data(values).unwrap();
        bytes
    }

    #[test]
    fn a_cell_leaves_its_margin_out() {
        let cell = sheet(255).cell((1, 0), 2).unwrap();
        assert_eq!((cell.width, cell.height), (2, 2));
        assert_eq!(cell.rgb.chunks_exact(3).map(|rgb| rgb[0]).collect::<Vec<_>>(), [13, 14, 21, 22]);
        assert!(sheet(255).cell((2, 0), 2).is_err());
        assert!(sheet(255).cell((0, 1), 2).is_err());
    }

    #[test]
    fn transparency_is_laid_over_white() {
        assert!(sheet(0).whole().unwrap().rgb.iter().all(|&value| value == 255));
        assert_eq!(sheet(255).whole().unwrap().rgb[..6], [0, 0, 255, 1, 0, 255]);
        assert_eq!([blend(0, 128), blend(255, 128), blend(100, 51), blend(0, 1)], [127, 255, 224, 254]);
    }

    #[test]
    fn a_picture_written_is_the_picture_read() {
        let picture = sheet(255).whole().unwrap();
        let mut reader = png::Decoder::new(Cursor::new(picture.to_png().unwrap())).read_info().unwrap();
        let mut values = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut values).unwrap();
        assert_eq!(values, picture.rgb);
    }

    #[test]
    fn a_sheet_is_rgba_and_whole() {
        let values: Vec<u8> = (0..2 * 2 * 4).collect();
        let bytes = png(png::ColorType::Rgba, 2, 2, &values);
        assert_eq!(Sheet::png(&bytes).unwrap().rgba, values);
        assert!(Sheet::png(&bytes[..bytes.len() / 2]).is_err());
        assert!(Sheet::png(&png(png::ColorType::Rgb, 2, 2, &values[..12])).is_err());
        assert!(Sheet::png(b"GIF89a").is_err());
    }

    #[test]
    fn a_lossless_webp_is_read_with_and_without_alpha() {
        for (color, channels) in [(image_webp::ColorType::Rgba8, 4), (image_webp::ColorType::Rgb8, 3)] {
            let values: Vec<u8> = (0..3 * 2 * channels).map(|at| if at % 4 == 3 { 255 } else { at * 7 }).collect();
            let mut bytes = Vec::new();
            image_webp::WebPEncoder::new(&mut bytes).encode(&values, 3, 2, color).unwrap();
            let sheet = Sheet::webp(&bytes).unwrap();
            let channels = usize::from(channels);
            let rgb: Vec<u8> = values.chunks_exact(channels).flat_map(|pixel| pixel[..3].to_vec()).collect();
            let found: Vec<u8> = sheet.rgba.chunks_exact(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
            assert_eq!((sheet.width, sheet.height, found), (3, 2, rgb));
        }
    }
}
