//! The scenes of `plugin-progressive`: a good release, a bad one, and the bad one once more, while clients go on asking.
//!
//! What is printed per stage is counted from the answers that the clients got.

mod clients;
mod http;
mod shop;
mod splitter;
mod story;

use std::fmt;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::Context;

use crate::plugin::Plugins;
use crate::say;
use clients::Clients;
use shop::Shop;
use story::{Release, Stage};

pub(crate) use story::script;

/// A side of the shop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Stable,
    Canary,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stable => "stable",
            Self::Canary => "canary",
        })
    }
}

/// The script that deploys and moves traffic: the one that teams are given to begin with.
const SCRIPT: &str = include_str!("../../../scripts/deploy.sh");

const GOOD: Release = Release {
    version: "v2",
    commit: "2222222222222222222222222222222222222222",
    bears: 50,
};

/// It bears 8 of 50 requests: a tenth of the traffic, and not a quarter.
const BAD: Release = Release {
    version: "v3",
    commit: "3333333333333333333333333333333333333333",
    bears: 8,
};

/// Plays all of them and says how many things went otherwise than they must.
pub(crate) fn play(plugins: &Plugins, workspace: &Path) -> anyhow::Result<usize> {
    let world = World::open(workspace).context("the demo's shop could not be opened")?;
    say(
        "\n━━━━ The rollout ━━━━\nA shop runs version v1 on its stable side, a small proxy splits its traffic, and clients keep asking.\n\
         The real plugin-progressive moves them to a new version through examples/scripts/deploy.sh.",
    );
    let mut surprises = Vec::new();

    say(
        "\n━━ 11. a good release ━━\nv2 gets 10, 25, 50 and 100 % of the traffic. Then the stable side gets v2, and its traffic back.\n",
    );
    let clients = Clients::start(world.proxy, "before");
    let code = story::roll(plugins, &world, &GOOD, "11", &clients, true)?;
    let chapters = clients.stop();
    surprises.extend(story::good(code, &chapters, &GOOD));

    say(
        "\n━━ 12. a bad release ━━\nv3 bears a tenth of the traffic and breaks down at a quarter. Nobody is there to watch it.\n",
    );
    let clients = Clients::start(world.proxy, "before");
    let code = story::roll(plugins, &world, &BAD, "12", &clients, false)?;
    let chapters = clients.stop();
    surprises.extend(story::bad(code, &chapters, &BAD, GOOD.version));

    say("\n━━ 13. the same commit again ━━\nWhat was rolled back does not come again by itself.\n");
    let clients = Clients::start(world.proxy, "before");
    let code = story::roll(plugins, &world, &BAD, "13", &clients, false)?;
    let chapters = clients.stop();
    surprises.extend(story::held(code, &chapters, GOOD.version));

    for surprise in &surprises {
        say(&format!("not as told: {surprise}"));
    }
    Ok(surprises.len())
}

/// The shop, its proxy and the pipeline's workspace.
struct World<'a> {
    workspace: &'a Path,
    stable: String,
    canary: String,
    proxy: std::net::SocketAddr,
}

impl<'a> World<'a> {
    fn open(workspace: &'a Path) -> anyhow::Result<Self> {
        let root = workspace.join("srv");
        let first = root.join("releases/first");
        fs::create_dir_all(&first)?;
        fs::write(first.join("version"), "v1\n")?;
        fs::write(first.join("bears"), "50\n")?;
        symlink(&first, root.join("stable"))?;
        symlink(&first, root.join("canary"))?;
        fs::write(root.join("share"), "0\n")?;
        story::script(workspace, SCRIPT)?;
        let shop = Shop::open(&root)?;
        let health = |side| format!("http://{}/health", shop.address(side));
        Ok(Self {
            workspace,
            stable: health(Side::Stable),
            canary: health(Side::Canary),
            proxy: splitter::start(shop, root.join("share"))?,
        })
    }
}

/// The stages of every rollout here.
const STAGES: [Stage; 4] = [Stage::of(10), Stage::of(25), Stage::of(50), Stage::of(100)];
