//! What a picture shows, and how it is put into words.

use numerics::Stream;

/// A figure's outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    Circle,
    Square,
    Triangle,
    Cross,
}

/// One picture's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scene {
    pub(super) colour: (&'static str, [u8; 3]),
    pub(super) figure: (&'static str, Figure),
    pub(super) large: bool,
    pub(super) ground: (&'static str, [u8; 3]),
}

const COLOURS: [(&str, [u8; 3]); 8] = [
    ("red", [215, 35, 40]),
    ("green", [30, 160, 60]),
    ("blue", [35, 70, 215]),
    ("yellow", [238, 215, 40]),
    ("purple", [140, 45, 175]),
    ("pink", [248, 135, 190]),
    ("cyan", [45, 205, 215]),
    ("brown", [125, 75, 35]),
];

const FIGURES: [(&str, Figure); 4] =
    [("circle", Figure::Circle), ("square", Figure::Square), ("triangle", Figure::Triangle), ("cross", Figure::Cross)];

const GROUNDS: [(&str, [u8; 3]); 3] = [("black", [16, 16, 16]), ("grey", [128, 128, 128]), ("white", [236, 236, 236])];

/// Classes: colour and figure.
pub(super) const CLASSES: u64 = (COLOURS.len() * FIGURES.len()) as u64;

/// Scenes that words can tell apart.
pub(super) const SCENES: u64 = CLASSES * 2 * GROUNDS.len() as u64;

/// The templates of the classification task.
pub(super) const TEMPLATES: [&str; 3] = ["a photo of a {c}", "a drawing of a {c}", "a {c}"];

const OPENINGS: [&str; 4] = ["", "a photo of ", "a drawing of ", "a picture of "];

/// The name of a class: `red circle`.
pub(super) fn class_name(class: u64) -> String {
    let scene = Scene::of_number(class);
    format!("{} {}", scene.colour.0, scene.figure.0)
}

impl Scene {
    /// The scene of a number below [`SCENES`]: the class varies fastest.
    pub(super) fn of_number(number: u64) -> Self {
        let (class, rest) = ((number % CLASSES) as usize, (number / CLASSES) as usize);
        Self {
            colour: COLOURS[class % COLOURS.len()],
            figure: FIGURES[class / COLOURS.len()],
            large: rest.is_multiple_of(2),
            ground: GROUNDS[rest / 2 % GROUNDS.len()],
        }
    }

    /// A scene of a class, size and ground drawn.
    pub(super) fn of_class(class: u64, stream: &mut Stream) -> Self {
        Self::of_number(class + CLASSES * stream.below(SCENES / CLASSES))
    }

    /// A caption that may leave size and ground out.
    pub(super) fn caption(&self, stream: &mut Stream) -> String {
        let opening = OPENINGS[stream.below(OPENINGS.len() as u64) as usize];
        let size = if stream.below(2) == 0 { "" } else { self.size() };
        let ground = if stream.below(2) == 0 { String::new() } else { self.on_ground() };
        format!("{opening}a {size}{} {}{ground}", self.colour.0, self.figure.0)
    }

    /// Captions that name everything there is to see.
    pub(super) fn full_captions(&self) -> Vec<String> {
        let (size, ground) = (self.size(), self.on_ground());
        OPENINGS[1..]
            .iter()
            .map(|opening| format!("{opening}a {size}{} {}{ground}", self.colour.0, self.figure.0))
            .collect()
    }

    fn size(&self) -> &'static str {
        if self.large { "large " } else { "small " }
    }

    fn on_ground(&self) -> String {
        format!(" on a {} background", self.ground.0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn scenes_differ_in_their_words() {
        let captions: BTreeSet<String> =
            (0..SCENES).flat_map(|number| Scene::of_number(number).full_captions()).collect();
        assert_eq!(captions.len() as u64, SCENES * 3);
        assert!(captions.contains("a photo of a small red circle on a white background"), "{captions:?}");
    }
}
