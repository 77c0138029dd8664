//! Plays the whole grid and prints its tables; with a folder, puts them into `decisions.md` there and the pictures
//! beside it.

use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::{env, fs, io};

use simulation::board::Board;
use simulation::grid::{BAD, HEALTHY, RUNS, carries, guards, judges, learners};
use simulation::{page, plot};

fn main() -> Result<(), Box<dyn Error>> {
    let healthy = Board::play(&HEALTHY, &judges(), RUNS);
    let bad = Board::play(&BAD, &judges(), RUNS);
    let parts = [
        ("run", page::run()),
        (
            "false",
            page::table(&healthy, "healthy version", page::falsely),
        ),
        ("found", page::table(&bad, "bad version", page::found)),
        ("failed", page::table(&bad, "bad version", page::failed)),
        ("accepted", page::acceptance(healthy.cells(0, 0))),
        ("guards", guarded()),
        ("learned", taught()),
        ("carries", carried()),
    ];
    let pictures = [
        ("decisions-false.svg", plot::heat(&healthy)),
        ("decisions-found.svg", plot::curves(&bad, 4)),
    ];
    let mut out = io::stdout().lock();
    for (_, text) in &parts {
        writeln!(out, "{text}\n")?;
    }
    let Some(folder) = env::args().nth(1) else {
        return Ok(());
    };
    let path = Path::new(&folder).join("decisions.md");
    let mut text = fs::read_to_string(&path)?;
    for (name, part) in parts {
        text = page::put(&text, name, &part)?;
    }
    fs::write(path, text)?;
    fs::create_dir_all(Path::new(&folder).join("pictures"))?;
    for (name, picture) in pictures {
        fs::write(Path::new(&folder).join("pictures").join(name), picture)?;
    }
    Ok(())
}

/// What the allowed factor and the guess at bursts cost and bring.
fn guarded() -> String {
    let board = Board::play(&[HEALTHY[5], BAD[1], BAD[2], BAD[3]], &guards(), RUNS);
    page::turned(
        &board,
        "set",
        &[&page::falsely, &page::found, &page::found, &page::found],
    )
}

/// What a history brings, and that it costs no promise.
fn taught() -> String {
    let worlds = [HEALTHY[5], HEALTHY[0], BAD[1], BAD[2], BAD[7]];
    let board = Board::play(&worlds, &learners(), RUNS);
    page::turned(
        &board,
        "icc",
        &[
            &page::falsely,
            &page::falsely,
            &page::found,
            &page::found,
            &page::found,
        ],
    )
}

/// What becomes of the evidence between stages, and what that costs.
fn carried() -> String {
    let board = Board::play(&[HEALTHY[0], BAD[1], BAD[2], BAD[3]], &carries(), RUNS);
    page::turned(
        &board,
        "evidence",
        &[&page::falsely, &page::found, &page::found, &page::found],
    )
}
