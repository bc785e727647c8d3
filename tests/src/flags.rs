//! Two thousand pictures that nobody else has: flags, drawn here, as an organizer of a competition might have them.

use std::{fs, path::Path};

/// Side of a picture, in pixels.
const SIDE: u32 = 40;

const COLOURS: [(&str, [u8; 3]); 8] = [
    ("red", [200, 30, 40]),
    ("green", [30, 150, 60]),
    ("blue", [40, 70, 190]),
    ("yellow", [230, 210, 50]),
    ("black", [20, 20, 20]),
    ("orange", [240, 140, 30]),
    ("purple", [120, 40, 140]),
    ("brown", [120, 80, 40]),
];

const SIGNS: [&str; 4] = ["disc", "cross", "stripe", "square"];

/// One flag.
#[derive(Debug, Clone, Copy)]
struct Flag {
    colour: usize,
    sign: usize,
    /// Where the sign is, and which noise lies over the picture.
    number: u64,
}

impl Flag {
    fn of(number: u64) -> Self {
        Self { colour: (number % 8) as usize, sign: (number / 8 % 4) as usize, number }
    }

    fn name(self) -> String {
        format!("a {} flag with a white {}", COLOURS[self.colour].0, SIGNS[self.sign])
    }

    /// Its pixels: integers alone, so that the file is the same everywhere.
    fn png(self) -> Vec<u8> {
        // Knuth's generator: what matters is that no two pictures are alike.
        let mut state = self.number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (x, y, size) = (12 + random(16) as i64, 12 + random(16) as i64, 5 + random(5) as i64);
        let mut pixels = Vec::new();
        for row in 0..i64::from(SIDE) {
            for column in 0..i64::from(SIDE) {
                let (dx, dy) = (column - x, row - y);
                let white = match self.sign {
                    0 => dx * dx + dy * dy <= size * size,
                    1 => (dx.abs() <= 2 && dy.abs() <= size) || (dy.abs() <= 2 && dx.abs() <= size),
                    2 => dy.abs() <= size / 2,
                    _ => dx.abs() <= size && dy.abs() <= size,
                };
                let colour = if white { [245; 3] } else { COLOURS[self.colour].1 };
                pixels.extend(colour.map(|value| value.saturating_add(random(10) as u8)));
            }
        }
        encode(&pixels)
    }

    fn write(self, path: &Path, captions: &str) {
        put(&path.with_extension("png"), &self.png());
        put(&path.with_extension("txt"), captions.as_bytes());
    }
}

fn encode(pixels: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, SIDE, SIDE);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_compression(png::Compression::NoCompression);
    let written = encoder.write_header().and_then(|mut writer| writer.write_image_data(pixels));
    written.unwrap_or_else(|error| panic!("a picture: {error}"));
    bytes
}

fn put(path: &Path, bytes: &[u8]) {
    let made = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| fs::write(path, bytes));
    made.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Writes 1,500 pictures with captions into `pictures`, 300 in folders by colour into `colours`, and 200 with two
/// captions each into `scenes`.
///
/// # Panics
///
/// Where a file cannot be written.
pub fn write(folder: &Path) {
    for number in 0..1500 {
        let flag = Flag::of(number);
        flag.write(&folder.join(format!("pictures/flag-{number:04}")), &format!("{}\n", flag.name()));
    }
    for number in 1500..1800 {
        let flag = Flag::of(number);
        put(&folder.join("colours").join(COLOURS[flag.colour].0).join(format!("{number}.png")), &flag.png());
    }
    let names: Vec<_> = COLOURS.iter().map(|(name, _)| format!("{name}\n")).collect();
    put(&folder.join("colours/classnames.txt"), names.concat().as_bytes());
    let templates = b"a {c} flag\na flag of the colour {c}\n";
    put(&folder.join("colours/zeroshot_classification_templates.txt"), templates);
    for number in 1800..2000 {
        let flag = Flag::of(number);
        let captions = format!("{}\na white {} on {}\n", flag.name(), SIGNS[flag.sign], COLOURS[flag.colour].0);
        flag.write(&folder.join(format!("scenes/{number}")), &captions);
    }
}
