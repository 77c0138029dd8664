//! Writes the JSON Schema of the policy file:
//! `cargo run -p shared --features schema --example policy-schema > examples/policies/deployment-policy.schema.json`

use std::io::{self, Write};

fn main() -> io::Result<()> {
    let schema = shared::policy::schema::schema();
    writeln!(io::stdout().lock(), "{schema:#}")
}
