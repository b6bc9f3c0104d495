"""How many items each benchmark's usual file holds, as its authors or counts of their files state it; for listings."""

from __future__ import annotations

ITEMS: dict[str, str] = {
    "reasonmap": "1,008 rows",
    "seedbench2_plus": "2,277",
    "vstar": "191",
    "hrbench": "800 a file",
    "mmstar": "1,500",
    "blink": "1,901 (val)",
    "mmvp": "300",
    "refcoco": "by split",
    "screenspot": "1,272",
    "screenspot_v2": "1,272",
    "screenspot_pro": "1,581",
    "mmbench_gui": "3,594",
    "chartqa": "2,500 (test)",
    "ocrbench": "1,000",
    "countbench": "540",
    "mathvista": "1,000 (testmini)",
    "mathvision": "3,040 (test)",
    "charades_sta": "3,720 (test)",
    "video_mme": "2,700",
    "mvbench": "4,000",
    "tempcompass": "5,536",
}
"""Benchmarks whose number is not known for sure are absent."""
