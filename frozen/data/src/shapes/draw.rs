//! A scene as a PNG: one bit a pixel, two colours, integer arithmetic.

use numerics::Stream;
use png::{BitDepth, ColorType, Compression, Encoder, EncodingError, Filter};

use super::scene::{Figure, Scene};

/// Sides of a picture are drawn from here on, in pixels.
const SIDE: u32 = 44;
/// How far a side may exceed [`SIDE`].
const SIDE_SPREAD: u64 = 13;
/// How far a channel may be from its colour's, up or down.
const TINT: u64 = 12;

/// Draws a scene; size, place and shades vary with the stream.
pub(super) fn png(scene: &Scene, stream: &mut Stream) -> Result<Vec<u8>, EncodingError> {
    let (width, height) = (SIDE + stream.below(SIDE_SPREAD) as u32, SIDE + stream.below(SIDE_SPREAD) as u32);
    let palette = [tint(scene.ground.1, stream), tint(scene.colour.1, stream)].concat();
    // Lengths are in half pixels: a centre may lie between two.
    let share = if scene.large { 78 + stream.below(12) } else { 50 + stream.below(8) };
    let radius = (u64::from(width.min(height)) * share / 100) as i32;
    let mut place = |side: u32| {
        let room = (side as i32 - radius).max(0) / 4;
        side as i32 + stream.below(2 * room as u64 + 1) as i32 - room
    };
    let (x, y) = (place(width), place(height));
    let stride = width.div_ceil(8) as usize;
    let mut bits = vec![0u8; stride * height as usize];
    for row in 0..height {
        for column in 0..width {
            if covers(scene.figure.1, 2 * column as i32 + 1 - x, 2 * row as i32 + 1 - y, radius) {
                bits[row as usize * stride + column as usize / 8] |= 0x80 >> (column % 8);
            }
        }
    }
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_color(ColorType::Indexed);
    encoder.set_depth(BitDepth::One);
    encoder.set_palette(palette);
    encoder.set_compression(Compression::NoCompression);
    encoder.set_filter(Filter::NoFilter);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&bits)?;
    writer.finish()?;
    Ok(out)
}

fn tint(colour: [u8; 3], stream: &mut Stream) -> Vec<u8> {
    let mut shade = |value: u8| (u64::from(value) + stream.below(2 * TINT + 1)).saturating_sub(TINT).min(255) as u8;
    colour.into_iter().map(&mut shade).collect()
}

/// Whether a figure of a radius covers a point given from its centre; the second axis points down.
fn covers(figure: Figure, x: i32, y: i32, radius: i32) -> bool {
    match figure {
        Figure::Ring => (radius * radius / 4..=radius * radius).contains(&(x * x + y * y)),
        Figure::Square => x.abs().max(y.abs()) <= radius * 7 / 8,
        // From its tip at -radius it widens to 2 * radius at its foot.
        Figure::Triangle => (-radius..=radius).contains(&y) && 2 * x.abs() <= y + radius,
        Figure::Cross => x.abs().max(y.abs()) <= radius && x.abs().min(y.abs()) <= radius / 3,
    }
}
