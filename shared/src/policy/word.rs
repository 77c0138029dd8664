//! The kinds of values that are one of a few words.

use crate::value::Expected;

use super::kind::{Form, Scalar};

/// Declares a kind that is one of a few words.
macro_rules! words {
    (
        $(#[doc = $about:literal])+
        $name:ident, $expected:literal {
            $($(#[doc = $doc:literal])+ $word:ident = $text:literal,)+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[doc = $doc])+ $word,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$word),+];

            /// The word in the file.
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$word => $text,)+
                }
            }

            /// The value of a word.
            pub fn of(word: &str) -> Option<Self> {
                Self::ALL.iter().find(|value| value.word() == word).copied()
            }
        }

        impl Scalar for $name {
            type Value = Self;
            const FORM: Form = Form::Text;

            fn parse(text: &str) -> Result<Self, Expected> {
                Self::of(text).ok_or($expected)
            }
        }

        #[cfg(feature = "schema")]
        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": [$($text),+] })
            }
        }
    };
}

words! {
    /// How bad an incident is.
    Severity, "one of low, medium, high, critical" {
        /// Nobody is called.
        Low = "low",
        /// Somebody looks at it in working hours.
        Medium = "medium",
        /// Somebody looks at it today.
        High = "high",
        /// Somebody looks at it now.
        Critical = "critical",
    }
}

words! {
    /// What moves the traffic.
    Method, "one of haproxy, script, webhook, none" {
        /// HAProxy's runtime API.
        Haproxy = "haproxy",
        /// The deployment script.
        Script = "script",
        /// The deployment webhook.
        Webhook = "webhook",
        /// Nothing: the stages are watched only.
        None = "none",
    }
}

words! {
    /// What becomes of the traffic after the last stage.
    Finish, "one of promote, swap, stay" {
        /// The stable side gets the new version and then the traffic back.
        Promote = "promote",
        /// The sides change places.
        Swap = "swap",
        /// Traffic stays on the canary side.
        Stay = "stay",
    }
}

words! {
    /// A day of the week.
    Day, "one of mon, tue, wed, thu, fri, sat, sun" {
        /// Monday.
        Monday = "mon",
        /// Tuesday.
        Tuesday = "tue",
        /// Wednesday.
        Wednesday = "wed",
        /// Thursday.
        Thursday = "thu",
        /// Friday.
        Friday = "fri",
        /// Saturday.
        Saturday = "sat",
        /// Sunday.
        Sunday = "sun",
    }
}
