//! The figures in the documentation are what the simulation makes.

use simulation::cell::cell;
use simulation::grid::{BAD, DEFAULT, HEALTHY, Judge, SEED};
use simulation::page;
use simulation::rule::Carry;
use simulation::world::{Trouble, World};

const PAGE: &str = include_str!("../../../plugins/progressive/decisions.md");

#[test]
fn the_page_stands_on_the_constants_in_force() {
    assert!(
        PAGE.contains(&page::run()),
        "play the grid again: {}, for the page lacks\n{}",
        page::COMMAND,
        page::run()
    );
}

#[test]
fn a_small_cell_is_exactly_this() {
    let figures = |judge: Judge, scenario, requests| {
        let cell = cell(&judge, scenario, requests, 200, SEED);
        (
            cell.falsely,
            cell.found,
            cell.median_check,
            page::failed(&cell),
        )
    };
    let all = [
        figures(Judge::Ours(DEFAULT), BAD[1], 1000),
        figures(Judge::Flagger, HEALTHY[0], 1000),
        figures(Judge::Argo, HEALTHY[0], 20),
        figures(Judge::Consecutive, BAD[1], 100),
        figures(Judge::Kayenta, BAD[1], 100),
    ];
    let mean = |mean: &str| mean.to_owned();
    let expected = [
        (0, 200, Some(7), mean("34.0")),
        (2, 0, None, mean("37.4")),
        (132, 0, None, mean("1.0")),
        (0, 186, Some(18), mean("21.3")),
        (0, 200, Some(60), mean("60.9")),
    ];
    assert_eq!(all, expected);
}

#[test]
fn what_the_plugin_runs_and_its_second_hand_decide_the_same() {
    // With late counters the plugin leaves looks out, which the second hand does not know.
    let all = HEALTHY.into_iter().chain(BAD);
    let in_time = all.filter(|scenario| scenario.trouble != Trouble::Lag);
    for (seed, scenario) in (0..240).zip(in_time.cycle()) {
        let icc = DEFAULT.icc;
        let onset = Carry::Onset {
            stage: 0.5,
            check: 0.02,
        };
        let mut ours = Judge::Ours(DEFAULT).rule(scenario.trouble, 300, seed);
        let mut study =
            Judge::Study(onset, DEFAULT.alpha / 2.0, 1.0, icc).rule(scenario.trouble, 300, seed);
        let mut world = World::new(scenario, 300, 60, seed);
        while let Some(share) = ours.share() {
            let seen = world.check(share).seen;
            let (first, second) = (ours.look(seen), study.look(seen));
            assert_eq!(first, second, "{} {seed}", scenario.name);
            if first {
                break;
            }
        }
    }
}

#[test]
fn every_picture_of_the_page_is_there_and_stands_alone() {
    let names: Vec<&str> = PAGE
        .split("](pictures/")
        .skip(1)
        .map(|rest| rest.split(')').next().unwrap())
        .collect();
    assert_eq!(names.len(), 2, "{names:?}");
    for name in names {
        let path = format!(
            "{}/../../plugins/progressive/pictures/{name}",
            env!("CARGO_MANIFEST_DIR")
        );
        let picture = std::fs::read_to_string(path).unwrap();
        assert!(
            picture.starts_with("<svg ") && picture.ends_with("</svg>\n"),
            "{name}"
        );
        assert!(
            !picture.contains("href") && !picture.contains("url("),
            "{name} needs something from outside"
        );
    }
}
