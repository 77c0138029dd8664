//! The figures as pictures: SVG that stands alone and follows the reader's light or dark.

mod curves;
mod heat;

pub use curves::curves;
pub use heat::heat;

/// What both pictures begin with: a ground of their own, so that they can be read wherever they are put.
fn begin(width: f64, height: f64, says: &str) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         role=\"img\" aria-label=\"{says}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <style>\n\
         .ground {{ fill: #ffffff; }} text {{ fill: #1f2328; }} .faint {{ fill: #59636e; }}\n\
         .axis {{ stroke: #d1d9e0; fill: none; }}\n\
         @media (prefers-color-scheme: dark) {{\n\
         .ground {{ fill: #0d1117; }} text {{ fill: #f0f6fc; }} .faint {{ fill: #9198a1; }} .axis {{ stroke: #3d444d; }}\n\
         }}\n\
         .on {{ fill: #1f2328; }}\n\
         </style>\n\
         <rect class=\"ground\" width=\"{width}\" height=\"{height}\" rx=\"6\"/>\n"
    )
}
