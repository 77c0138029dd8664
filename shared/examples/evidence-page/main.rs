//! Writes the pictures and tables of "How it decides": `cargo run -p shared --example evidence-page`

mod page;
mod picture;
mod runs;
mod table;

use std::io;
use std::path::Path;

fn main() -> io::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/progressive");
    let text = std::fs::read_to_string(folder.join(page::PAGE))?;
    std::fs::write(folder.join(page::PAGE), page::filled(&text))?;
    std::fs::write(folder.join(page::PICTURE), picture::svg())
}
