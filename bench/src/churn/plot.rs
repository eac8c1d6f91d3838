//! The plots of a churn, as SVG.

use std::path::Path;

use plotters::prelude::*;

use super::{Churned, Window};

const SIZE: (u32, u32) = (900, 320);
const COLOURS: [RGBColor; 3] = [
    RGBColor(0x1f, 0x6f, 0xb2),
    RGBColor(0xd9, 0x5f, 0x02),
    RGBColor(0x4c, 0x9a, 0x5a),
];

/// What of a window is drawn.
type Value = fn(&Window) -> f64;

/// Processes, memory and latencies over time, a line for each target.
pub(super) fn all(folder: &Path, targets: &[Churned]) -> anyhow::Result<()> {
    let plots: [(&str, &str, Value); 4] = [
        ("churn-processes", "processes", |w| {
            u32::try_from(w.processes).map_or(0.0, f64::from)
        }),
        ("churn-memory", "gateway and children, MiB", |w| {
            w.gateway_mib + w.children_mib
        }),
        ("churn-p50", "p50, ms", |w| w.p50_ms),
        ("churn-p99", "p99, ms", |w| w.p99_ms),
    ];
    for (name, title, value) in plots {
        one(&folder.join(format!("{name}.svg")), title, targets, value)?;
    }
    Ok(())
}

fn one(path: &Path, title: &str, targets: &[Churned], value: Value) -> anyhow::Result<()> {
    let windows = || targets.iter().flat_map(|t| &t.windows);
    let longest = windows().map(|w| w.at_s).fold(1.0, f64::max) / 60.0;
    let highest = windows().map(value).fold(1.0, f64::max) * 1.1;
    let area = SVGBackend::new(path, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(title, ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(36)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..longest, 0.0..highest)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .x_desc("minutes")
        .draw()?;
    for (target, colour) in targets.iter().zip(COLOURS.iter().cycle()) {
        let points = target.windows.iter().map(|w| (w.at_s / 60.0, value(w)));
        chart
            .draw_series(LineSeries::new(points, colour.stroke_width(2)))?
            .label(target.target)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour.stroke_width(2)));
    }
    chart
        .configure_series_labels()
        .border_style(BLACK.mix(0.3))
        .background_style(WHITE.mix(0.8))
        .draw()?;
    area.present()?;
    Ok(())
}
