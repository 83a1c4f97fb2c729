"""The functions of the google provider, each from one string to another."""

import re


def region_from_zone(zone):
    region, _, letter = zone.rpartition("-")
    return region if "-" in region and letter else None


def part_of_id(pattern):
    def function(identifier):
        found = re.search(pattern, identifier)
        return found and found[1]

    return function


GOOGLE = {
    "location_from_id": part_of_id(r"locations/([^/]+)/"),
    "name_from_id": part_of_id(r"/([^/]+)$"),
    "project_from_id": part_of_id(r"projects/([^/]+)/"),
    "region_from_id": part_of_id(r"regions/([^/]+)/"),
    "region_from_zone": region_from_zone,
    "zone_from_id": part_of_id(r"zones/([^/]+)/"),
}
FUNCTIONS = {"google": GOOGLE, "google-beta": GOOGLE}


def parameter(function):
    """Returns the name of a function's only parameter."""
    return "zone" if function == "region_from_zone" else "id"
