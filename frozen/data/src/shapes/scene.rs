//! What a picture shows, and how it is put into words.

use numerics::Stream;

/// A figure's outline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Figure {
    Ring,
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
    ("red", [243, 48, 48]),
    ("green", [40, 200, 70]),
    ("blue", [62, 105, 243]),
    ("yellow", [243, 224, 48]),
    ("purple", [170, 72, 236]),
    ("pink", [243, 145, 205]),
    ("cyan", [60, 224, 236]),
    ("white", [240, 240, 240]),
];

const FIGURES: [(&str, Figure); 4] =
    [("ring", Figure::Ring), ("square", Figure::Square), ("triangle", Figure::Triangle), ("cross", Figure::Cross)];

/// Dark, all of them: what is figure and what is ground can be told from lightness.
const GROUNDS: [(&str, [u8; 3]); 3] = [("black", [12, 12, 12]), ("grey", [76, 76, 76]), ("navy", [14, 20, 84])];

/// Classes: colour and figure.
pub(super) const CLASSES: u64 = (COLOURS.len() * FIGURES.len()) as u64;

/// Scenes that words can tell apart.
pub(super) const SCENES: u64 = CLASSES * 2 * GROUNDS.len() as u64;

/// The templates of the classification task.
pub(super) const TEMPLATES: [&str; 3] = ["a photo of a {c}", "a drawing of a {c}", "a {c}"];

const OPENINGS: [&str; 4] = ["", "a photo of ", "a drawing of ", "a picture of "];

/// The name of a class: `red ring`.
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
        assert!(captions.contains("a photo of a small red ring on a navy background"), "{captions:?}");
    }
}
