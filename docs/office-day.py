#!/usr/bin/env python3
"""Draws docs/office-day.svg from the series of a simulation:

    headroom simulate simulations/office-day --policy policies/follow-demand.yaml \
        --policy available-memory --series series.csv
    docs/office-day.py series.csv > docs/office-day.svg
"""
import csv
import sys
from datetime import datetime

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 860, 300, 40, 24, 52, 30
NODE_MIB, NODE_VCORES, MOST = 12288, 4, 40
COLORS = {"available-memory": "#d9822b", "follow-demand": "#1f6feb"}


def read(path):
    """For each policy: (hour, nodes needed, nodes running) at each poll."""
    series = {}
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            at = datetime.fromisoformat(row["at"].replace("Z", "+00:00"))
            hour = (at.timestamp() % 86400) / 3600
            if series.get(row["policy"]) and hour < series[row["policy"]][-1][0]:
                continue  # the next day, in which the last jobs end
            memory = int(row["memory_allocated_mib"]) + int(row["memory_pending_mib"])
            vcores = int(row["vcores_allocated"]) + int(row["vcores_pending"])
            needed = max(memory / NODE_MIB, vcores / NODE_VCORES)
            point = (hour, needed, int(row["instances_running"]))
            series.setdefault(row["policy"], []).append(point)
    return series


def x(hour):
    return LEFT + hour / 24 * (WIDTH - LEFT - RIGHT)


def y(nodes):
    return HEIGHT - BOTTOM - min(nodes, MOST) / MOST * (HEIGHT - TOP - BOTTOM)


def steps(points):
    """A step curve, with the points at which it changes only."""
    path, last = [], None
    for hour, value in points:
        if value != last:
            path.append(f"M{x(hour):.1f} {y(value):.1f}" if last is None else f"H{x(hour):.1f}V{y(value):.1f}")
            last = value
    return "".join(path) + f"H{x(points[-1][0]):.1f}"


def main():
    series = read(sys.argv[1])
    needed = series["follow-demand"]
    buckets = [needed[i : i + 10] for i in range(0, len(needed), 10)]
    area = steps([(bucket[0][0], round(sum(p[1] for p in bucket) / len(bucket), 1)) for bucket in buckets])
    start = area[1:].split(" ")[0]
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">',
        "<title>office-day: nodes needed, and nodes running under two policies</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        f'<path d="{area}V{y(0):.1f}H{start}Z" fill="#dfe3e8"/>',
    ]
    for nodes in range(0, MOST + 1, 10):
        out.append(f'<path d="M{LEFT} {y(nodes):.1f}H{WIDTH - RIGHT}" stroke="#8a9099" stroke-width=".4"/>')
        out.append(f'<text x="{LEFT - 6}" y="{y(nodes) + 4:.1f}" text-anchor="end" fill="#57606a">{nodes}</text>')
    for hour in range(0, 25, 3):
        out.append(f'<text x="{x(hour):.1f}" y="{HEIGHT - 10}" text-anchor="middle" fill="#57606a">{hour:02}:00</text>')
    for policy, color in COLORS.items():
        curve = steps([(hour, running) for hour, _, running in series[policy]])
        out.append(f'<path d="{curve}" fill="none" stroke="{color}" stroke-width="1.6"/>')
    out.append('<text x="14" y="20" font-size="14" font-weight="600" fill="#24292f">Nodes on a simulated office day (2 core, 0 to 20 task nodes)</text>')
    legend = [("needed: allocated and pending", "#b6bcc4"), *COLORS.items()]
    for position, (name, color) in enumerate(legend):
        left = 14 + position * 215
        out.append(f'<rect x="{left}" y="32" width="14" height="6" fill="{color}"/>')
        out.append(f'<text x="{left + 20}" y="40" fill="#24292f">{name}</text>')
    print("\n".join([*out, "</svg>"]))


main()
