//! How often boards of which everything is known are called what they are: `rates [BOARDS] [SEED]`.
//!
//! A row a world: equally good entries called different (at most .05 is promised), and of entries that are three
//! standard errors better the pairs that are called and the boards on which it is noticed at all.

#[path = "../tests/world/mod.rs"]
mod world;

use world::{Shape, World};

fn main() {
    let mut args = std::env::args().skip(1);
    let boards = args.next().and_then(|text| text.parse().ok()).unwrap_or(1000);
    let seed = args.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    println!("entries seeds scales  world                 wrong  called  noticed");
    for entries in [2, 5, 20] {
        for (seeds, scales) in [(1, 1), (1, 3), (2, 1), (2, 3), (3, 1), (3, 3), (8, 1)] {
            for (name, world) in worlds(entries, seeds, scales) {
                let rates = world.rates(boards, seed);
                let (wrong, called, noticed) = (rates.wrong, rates.called, rates.noticed);
                println!("{entries:>7} {seeds:>5} {scales:>6}  {name:<21} {wrong:.3}   {called:.3}    {noticed:.3}");
            }
        }
    }
}

fn worlds(entries: usize, seeds: usize, scales: usize) -> [(&'static str, World); 6] {
    let plain = World::new(entries, seeds, scales);
    let seedy = World { apart: 0.02, ..World::nothing_common(entries, seeds, scales) };
    [
        ("as measured", plain.clone()),
        ("nothing common", World::nothing_common(entries, seeds, scales)),
        ("tasks share items", World { same_items: true, ..plain }),
        ("heavy tails", World { shape: Shape::Heavy, ..seedy.clone() }),
        ("skewed", World { shape: Shape::Skewed, ..seedy.clone() }),
        ("unsteady entries", World { unsteady: &[0.5, 1.0, 2.0], ..seedy }),
    ]
}
