//! Waiting in queues with Poisson arrivals and `c` equal servers, first come first served: what a
//! simulation with fixed capacity must reproduce. Everything here is in units of the caller's time;
//! `offered` is arrival rate times mean service time, below `c`.

/// The probability that an arrival must wait in M/M/c (Erlang's C formula), from the stable
/// recursion of Erlang B: `B(0) = 1`, `B(k) = a B(k-1) / (k + a B(k-1))`, `C = B / (1 - (a/c)(1 -
/// B))`.
pub fn erlang_c(servers: u32, offered: f64) -> f64 {
    let blocked = (1..=servers).fold(1.0, |b, k| offered * b / (f64::from(k) + offered * b));
    blocked / (1.0 - offered / f64::from(servers) * (1.0 - blocked))
}

/// The exact mean wait in M/M/c before service starts: `C(c, a) s / (c - a)`.
pub fn mmc_mean_wait(servers: u32, arrival_rate: f64, mean_service: f64) -> f64 {
    let offered = arrival_rate * mean_service;
    erlang_c(servers, offered) * mean_service / (f64::from(servers) - offered)
}

/// The exact mean wait in M/D/c, to about nine digits.
///
/// Source: C. D. Crommelin, "Delay probability formulae when the holding times are constant", P.O.
/// Electrical Engineers' Journal 25 (1932), after Erlang. Who is in service at some instant has
/// left one service time later, and who came meanwhile has not: the number present every service
/// time is a Markov chain, `n' = max(n - c, 0) + Poisson(a)`, whose stationary law is that of the
/// queue at any instant. Solved by iteration from an empty queue; `mean wait = E[max(n - c, 0)] /
/// arrival rate` is Little's law.
pub fn mdc_mean_wait(servers: u32, arrival_rate: f64, service: f64) -> f64 {
    let offered = arrival_rate * service;
    let arrivals = poisson(offered);
    let mut present = vec![1.0];
    let mut queued = 0.0;
    loop {
        present = step(&present, servers as usize, &arrivals);
        let now = mean_queued(&present, servers as usize);
        // Iterates rise to the limit geometrically, no slower than this load allows.
        let slack = 1.0 - offered / f64::from(servers);
        if now - queued <= 1e-12 * slack * slack * now {
            return now / arrival_rate;
        }
        queued = now;
    }
}

/// Cosmetatos' approximation of the mean wait in M/D/c: `W(M/M/c) / 2 * (1 + (1 - r)(c - 1)(sqrt(4
/// + 5c) - 2) / (16 r c))` with the load `r` of a server. Exact for one server.
///
/// Source: G. P. Cosmetatos, "Approximate explicit formulae for the average queueing time in the
/// processes (M/D/r) and (D/M/r)", INFOR 13 (1975). It is good in heavy traffic and too high in
/// light traffic and for many servers (T. Kimura, "Refining Cosmetatos' approximation for the mean
/// waiting time in the M/D/s queue", J. Opl Res. Soc. 42 (1991)).
pub fn mdc_mean_wait_cosmetatos(servers: u32, arrival_rate: f64, service: f64) -> f64 {
    let c = f64::from(servers);
    let load = arrival_rate * service / c;
    let correction = (1.0 - load) * (c - 1.0) * ((4.0 + 5.0 * c).sqrt() - 2.0) / (16.0 * load * c);
    mmc_mean_wait(servers, arrival_rate, service) / 2.0 * (1.0 + correction)
}

/// Probabilities of 0, 1, 2 ... arrivals, up to where they no longer matter.
fn poisson(mean: f64) -> Vec<f64> {
    let most = (mean + 12.0 * mean.sqrt() + 30.0) as usize;
    let mut probabilities = vec![(-mean).exp()];
    for k in 1..=most {
        probabilities.push(probabilities[k - 1] * mean / k as f64);
    }
    probabilities
}

fn step(present: &[f64], servers: usize, arrivals: &[f64]) -> Vec<f64> {
    let mut left = vec![0.0; present.len().saturating_sub(servers).max(1)];
    for (n, probability) in present.iter().enumerate() {
        left[n.saturating_sub(servers)] += probability;
    }
    let mut next = vec![0.0; left.len() + arrivals.len() - 1];
    for (n, probability) in left.iter().enumerate() {
        for (k, arriving) in arrivals.iter().enumerate() {
            next[n + k] += probability * arriving;
        }
    }
    let matter = next
        .iter()
        .rposition(|probability| *probability > 1e-18)
        .unwrap_or(0);
    next.truncate(matter + 1);
    next
}

fn mean_queued(present: &[f64], servers: usize) -> f64 {
    present
        .iter()
        .enumerate()
        .map(|(n, probability)| n.saturating_sub(servers) as f64 * probability)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_near(got: f64, expected: f64, relative: f64, what: &str) {
        assert!(
            (got - expected).abs() <= relative * expected.abs(),
            "{what}: {got}, expected {expected}"
        );
    }

    #[test]
    fn erlang_c_of_few_servers_is_a_fraction() {
        for (servers, offered, probability) in
            [(1, 0.5, 0.5), (2, 1.0, 1.0 / 3.0), (3, 2.0, 4.0 / 9.0)]
        {
            assert_near(
                erlang_c(servers, offered),
                probability,
                1e-14,
                &format!("C({servers}, {offered})"),
            );
        }
    }

    /// Printed tables give, for each number of servers, the load at which so many arrivals wait, to
    /// two decimals.
    #[test]
    fn erlang_c_equals_printed_tables() {
        for (servers, probability, load) in [(8, 0.05, 3.87), (10, 0.01, 4.08)] {
            let around = erlang_c(servers, load - 0.005)..erlang_c(servers, load + 0.005);
            assert!(
                around.contains(&probability),
                "{servers} servers, {load} erlang: {around:?}"
            );
        }
        for (servers, offered, probability) in [
            (5, 3.0, "0.2362"),
            (10, 7.0, "0.2217"),
            (20, 15.0, "0.1604"),
            (132, 123.0, "0.3211"),
        ] {
            assert_eq!(
                format!("{:.4}", erlang_c(servers, offered)),
                probability,
                "C({servers}, {offered})"
            );
        }
    }

    /// Gross and Harris, "Fundamentals of Queueing Theory": a clinic with three doctors, 6 patients
    /// an hour, 20 minutes each: 8/9 patients wait on average, 4/27 h each.
    #[test]
    fn the_clinic_of_gross_and_harris() {
        assert_near(mmc_mean_wait(3, 6.0, 1.0 / 3.0), 4.0 / 27.0, 1e-14, "hours");
    }

    #[test]
    fn one_constant_server_is_pollaczek_and_khinchine() {
        for load in [0.1, 0.5, 0.9, 0.95] {
            let expected = load / (2.0 * (1.0 - load));
            assert_near(
                mdc_mean_wait(1, load, 1.0),
                expected,
                1e-9,
                &format!("load {load}"),
            );
            assert_near(
                mdc_mean_wait_cosmetatos(1, load, 1.0),
                expected,
                1e-12,
                &format!("approximated, load {load}"),
            );
        }
    }

    /// Two derivations that share nothing, where the approximation is published to be good: not in
    /// light traffic.
    #[test]
    fn several_constant_servers_agree_with_cosmetatos_within_a_percent() {
        for (servers, load) in [
            (2, 0.5),
            (2, 0.9),
            (4, 0.7),
            (4, 0.95),
            (10, 0.5),
            (10, 0.9),
            (20, 0.8),
            (50, 0.95),
        ] {
            let rate = load * f64::from(servers) / 30.0;
            let (exact, approximate) = (
                mdc_mean_wait(servers, rate, 30.0),
                mdc_mean_wait_cosmetatos(servers, rate, 30.0),
            );
            assert_near(
                approximate,
                exact,
                0.01,
                &format!("{servers} servers, load {load}"),
            );
        }
    }
}
