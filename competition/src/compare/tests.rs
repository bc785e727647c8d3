//! Answers computed by hand or by another implementation, and properties.

use super::*;

fn task(blocks: &[f64]) -> TaskScore {
    TaskScore { value: blocks.iter().sum(), blocks: blocks.to_vec() }
}

fn terms(spreads: &[f64], items: &[usize]) -> Terms {
    let scale = |spread: &f64| ScaleTerms { name: format!("at {spread}"), spread: *spread };
    Terms { scales: spreads.iter().map(scale).collect(), items: items.to_vec() }
}

/// An entry at one scale: by repeat, by task, blocks.
fn entry(repeats: &[&[&[f64]]]) -> Results {
    Results(vec![repeats.iter().map(|tasks| tasks.iter().map(|blocks| task(blocks)).collect()).collect()])
}

#[track_caller]
fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-12 * expected.abs(), "{found} is not {expected}");
}

fn pair(terms: &Terms, entries: &[Results]) -> Difference {
    compare(terms, entries, View::Overall).unwrap().difference(0, 1)
}

#[test]
fn with_one_seed_the_items_of_the_pair_and_the_spread_count() {
    let (a, b) = (entry(&[&[&[0.25, 0.125], &[0.5, 0.25]]]), entry(&[&[&[0.125, 0.125], &[0.25, 0.25]]]));
    // Blocks of the difference: .125, 0 and .25, 0; each over two tasks: .0625, 0 and .125, 0.
    // 2/1 sum (delta - mean)^2 = delta^2 for two blocks of which one is zero.
    let apart = 0.0625f64.powi(2) + 0.125f64.powi(2);
    let found = pair(&terms(&[0.1], &[0, 1]), &[a.clone(), b.clone()]);
    near(found.value, 0.1875);
    near(found.error, (apart + 2.0 * 0.01f64).sqrt());
    // The same items in both tasks: what a block adds is added up first.
    let found = pair(&terms(&[0.0], &[0, 0]), &[a, b]);
    near(found.error, 0.1875);
}

/// Four entries, three seeds, one task of four blocks; every figure computed by another program with fractions.
#[test]
fn with_several_seeds_the_residual_of_the_layout_counts() {
    const PARTS: [[[f64; 4]; 3]; 4] = [
        [[214.0, 180.0, 223.0, 178.0], [210.0, 171.0, 237.0, 180.0], [219.0, 177.0, 225.0, 191.0]],
        [[236.0, 216.0, 271.0, 241.0], [242.0, 224.0, 253.0, 259.0], [241.0, 221.0, 272.0, 237.0]],
        [[226.0, 230.0, 265.0, 209.0], [226.0, 215.0, 246.0, 195.0], [228.0, 235.0, 252.0, 200.0]],
        [[176.0, 284.0, 237.0, 273.0], [118.0, 226.0, 177.0, 203.0], [146.0, 267.0, 203.0, 249.0]],
    ];
    let entry = |parts: &[[f64; 4]; 3]| {
        Results(vec![parts.iter().map(|blocks| vec![task(&blocks.map(|part| part / 1024.0))]).collect()])
    };
    let found = compare(&terms(&[9.0], &[0]), &PARTS.each_ref().map(entry), View::Overall).unwrap();
    for (a, b, value, error, chance) in [
        (1, 0, 0.16536458333333334, 0.05460945494425678, 0.018239354889087),
        (2, 0, 0.10481770833333333, 0.05738176139859696, 0.103741136792858),
        (2, 1, -0.060546875, 0.06251568067724513, 0.360641903041971),
        (3, 0, 0.050130208333333336, 0.15371064796404328, 0.758652398640737),
        (3, 1, -0.115234375, 0.13490079774890114, 0.429278763479665),
        (3, 2, -0.0546875, 0.12895063156440675, 0.691416197139337),
    ] {
        let difference = found.difference(a, b);
        near(difference.value, value);
        near(difference.error, error);
        assert!((difference.chance / chance - 1.0).abs() < 1e-9, "{a} {b}: {}", difference.chance);
    }
}

#[test]
fn what_seeds_do_to_all_alike_cancels() {
    let shift = |by: f64, seed: f64| -> Vec<f64> { (0..4).map(|b| by * f64::from(b) + seed / 4.0).collect() };
    let with =
        |by: f64, seeds: [f64; 3]| Results(vec![seeds.iter().map(|seed| vec![task(&shift(by, *seed))]).collect()]);
    let terms = terms(&[9.0], &[0]);
    let board = |seeds| (0..4).map(|at| with(0.25 + 0.0625 * f64::from(at), seeds)).collect::<Vec<_>>();
    let calm = pair(&terms, &board([0.0; 3]));
    let moved = pair(&terms, &board([-4.0, 0.0, 8.0]));
    assert_eq!(calm, moved);
}

#[test]
fn few_degrees_rest_on_the_spread_and_more_do_not() {
    let wave = |at: usize, repeat: usize| task(&[0.25, 0.25 + 0.001 * ((at * 3 + repeat * 5) % 7) as f64]);
    let board = |count: usize, repeats: usize| -> Vec<Results> {
        (0..count).map(|at| Results(vec![(0..repeats).map(|repeat| vec![wave(at, repeat)]).collect()])).collect()
    };
    let error = |count, repeats| pair(&terms(&[0.3], &[0]), &board(count, repeats)).error;
    // (k - 1)(n - 1): five, six.
    assert!(error(2, 6) > 0.17 && error(6, 2) > 0.29, "{} {}", error(2, 6), error(6, 2));
    assert!(error(2, 7) < 0.01 && error(7, 2) < 0.01, "{} {}", error(2, 7), error(7, 2));
}

#[test]
fn results_under_another_name_never_differ_and_calm_nobody() {
    let one = |by: f64| entry(&[&[&[0.25, 0.25 + by]], &[&[0.25, 0.375 - by]], &[&[0.375, 0.25 + by]]]);
    let terms = terms(&[0.001], &[0]);
    let few = vec![one(0.0), one(0.125), one(0.0625), one(0.03125)];
    let mut many = few.clone();
    many.extend((0..20).map(|_| one(0.0)));
    let (small, large) =
        (compare(&terms, &few, View::Overall).unwrap(), compare(&terms, &many, View::Overall).unwrap());
    assert_eq!(small.difference(0, 1), large.difference(0, 1));
    assert_eq!(large.difference(0, 9), Difference { value: 0.0, error: 0.0, chance: 1.0 });
    assert!(!large.better(0, 9) && !large.better(9, 0));
    assert_eq!((large.standings[0].best, large.standings[0].worst), (1, 24));
    assert_eq!(large.standings[0], large.standings[23]);
}

#[test]
fn the_order_of_entries_says_nothing() {
    let board: Vec<_> = (0..5)
        .map(|at| {
            let by = 0.001 * f64::from(at * at);
            entry(&[
                &[&[0.25 + by, 0.125, 0.25, 0.2 + by]],
                &[&[0.25 + by, 0.126, 0.25, 0.2]],
                &[&[0.251, 0.125 + by, 0.25, 0.2]],
            ])
        })
        .collect();
    let back: Vec<_> = board.iter().rev().cloned().collect();
    let terms = terms(&[0.001], &[0]);
    let (there, back) =
        (compare(&terms, &board, View::Overall).unwrap(), compare(&terms, &back, View::Overall).unwrap());
    for a in 0..5 {
        let (mine, theirs) = (&there.standings[a], &back.standings[4 - a]);
        assert_eq!((mine.best, mine.worst, mine.score), (theirs.best, theirs.worst, theirs.score));
        for b in 0..5 {
            assert_eq!(there.better(a, b), back.better(4 - a, 4 - b));
            near(there.difference(a, b).error, back.difference(4 - a, 4 - b).error);
        }
    }
}

#[test]
fn a_scale_is_a_view_of_its_own() {
    let scale = |by: f64| vec![vec![task(&[0.25 + by, 0.25 + by])]];
    let board = [Results(vec![scale(0.1), scale(0.0)]), Results(vec![scale(0.0), scale(0.1)])];
    let terms = terms(&[0.001, 0.001], &[0]);
    let view = |view| compare(&terms, &board, view).unwrap();
    assert!(view(View::Scale(0)).better(0, 1) && view(View::Scale(1)).better(1, 0));
    assert_eq!(view(View::Overall).standings[0].worst, 2);
    assert_eq!(compare(&terms, &board, View::Scale(2)).unwrap_err(), CompareError::View(2));
}

#[test]
fn results_of_another_form_are_refused() {
    let good = entry(&[&[&[0.25, 0.25]]]);
    let one = terms(&[0.1], &[0]);
    let error = |terms: &Terms, entries: &[Results]| compare(terms, entries, View::Overall).unwrap_err();
    assert_eq!(error(&one, &[]), CompareError::Empty);
    assert_eq!(error(&one, &[entry(&[])]), CompareError::Empty);
    assert_eq!(error(&one, &[good.clone(), entry(&[&[&[0.5]]])]), CompareError::Form { entry: 1 });
    assert_eq!(error(&one, &[good.clone(), entry(&[&[&[0.5, 0.5]], &[&[0.5, 0.5]]])]), CompareError::Form { entry: 1 });
    assert_eq!(error(&one, &[entry(&[&[&[0.5]]])]), CompareError::Blocks(1));
    assert_eq!(error(&one, &[good.clone(), entry(&[&[&[f64::NAN, 0.5]]])]), CompareError::NotFinite { entry: 1 });
    assert_eq!(error(&terms(&[0.1], &[0, 1]), std::slice::from_ref(&good)), CompareError::Form { entry: 0 });
    assert!(matches!(error(&terms(&[-0.1], &[0]), &[good]), CompareError::Spread { .. }));
}
