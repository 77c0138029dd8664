//! Changes that cannot be rolled back, told by their paths.

/// Where common frameworks keep the migrations of a database.
pub const DATABASE_MIGRATIONS: &[&str] = &[
    // Django, Laravel, Prisma, Diesel, sqlx, Ecto, TypeORM, Knex, Sequelize, node-pg-migrate, goose.
    "**/migrations/**",
    // Entity Framework.
    "**/Migrations/**",
    // Rails, golang-migrate, dbmate.
    "**/db/migrate/**",
    "**/migrate/**",
    "**/db/schema.rb",
    "**/db/structure.sql",
    // Alembic.
    "**/alembic/versions/**",
    // Flyway.
    "**/db/migration/**",
    "**/V*__*.sql",
    // Liquibase.
    "**/db/changelog/**",
    "**/liquibase/**",
];

/// The paths that match one of the patterns: `*` and `?` stay within a folder, `**` does not, and a pattern that ends
/// with `/` means everything in that folder.
pub fn matching(paths: &[String], patterns: &[String]) -> Vec<String> {
    let hit = |path: &&String| patterns.iter().any(|pattern| matches(pattern, path));
    paths.iter().filter(hit).cloned().collect()
}

fn matches(pattern: &str, path: &str) -> bool {
    let pattern = pattern.trim_start_matches("./").trim_start_matches('/');
    let whole = match pattern.strip_suffix('/') {
        Some(folder) => format!("{folder}/**"),
        None => pattern.to_owned(),
    };
    let parts: Vec<&str> = whole.split('/').collect();
    let names: Vec<&str> = path.split('/').collect();
    folders(&parts, &names)
}

/// Row by row, so that no pattern takes longer than pattern times path.
fn folders(parts: &[&str], names: &[&str]) -> bool {
    // `reach[n]`: the parts so far match the first n names.
    let mut reach = vec![false; names.len() + 1];
    reach[0] = true;
    for (place, part) in parts.iter().enumerate() {
        let last = place + 1 == parts.len();
        let mut next = vec![false; names.len() + 1];
        if *part == "**" {
            let mut any = false;
            for at in 0..=names.len() {
                // At the end it means something within, not the folder itself.
                next[at] = any || (reach[at] && !last);
                any |= reach[at];
            }
        } else {
            for at in 1..=names.len() {
                next[at] = reach[at - 1] && name(part, names[at - 1]);
            }
        }
        reach = next;
    }
    reach[names.len()]
}

fn name(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let mut reach = vec![false; text.len() + 1];
    reach[0] = true;
    for wanted in pattern {
        let mut next = vec![false; text.len() + 1];
        let mut any = false;
        for at in 0..=text.len() {
            any |= reach[at];
            next[at] = match wanted {
                '*' => any,
                '?' => at > 0 && reach[at - 1],
                c => at > 0 && reach[at - 1] && text[at - 1] == c,
            };
        }
        reach = next;
    }
    reach[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(path: &str) -> bool {
        DATABASE_MIGRATIONS
            .iter()
            .any(|pattern| matches(pattern, path))
    }

    #[test]
    fn migrations_of_common_frameworks_are_known() {
        for path in [
            "shop/migrations/0007_price.py",
            "migrations/0001_init/up.sql",
            "database/migrations/2024_01_01_000000_create.php",
            "prisma/migrations/20240101/migration.sql",
            "priv/repo/migrations/1_a.exs",
            "src/Shop/Migrations/20240101_Init.cs",
            "db/migrate/20240101_add.rb",
            "db/schema.rb",
            "alembic/versions/ae10_add.py",
            "src/main/resources/db/migration/V7__price.sql",
            "V7__price.sql",
            "src/main/resources/db/changelog/db.changelog-master.yaml",
        ] {
            assert!(defaults(path), "{path}");
        }
        for path in [
            "src/main.rs",
            "docs/migrations.md",
            "db/seeds.rb",
            "Vue__x.sqlx",
            "migrations",
        ] {
            assert!(!defaults(path), "{path}");
        }
    }

    #[test]
    fn stars_stay_within_a_folder_unless_there_are_two() {
        for (pattern, path, wanted) in [
            ("*.sql", "a.sql", true),
            ("*.sql", "x/a.sql", false),
            ("**/*.sql", "x/y/a.sql", true),
            ("schema/", "schema/a/b", true),
            ("/schema/?.txt", "schema/a.txt", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbX", false),
            ("a/**/b", "a/b", true),
            ("**", "a/b", true),
        ] {
            assert_eq!(matches(pattern, path), wanted, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_made_to_take_long_takes_no_longer() {
        let pattern = "*a".repeat(200);
        assert!(!matches(&pattern, &"a".repeat(199)));
        let folders = vec!["**"; 200].join("/") + "/x";
        assert!(!matches(&folders, &vec!["y"; 300].join("/")));
    }
}
