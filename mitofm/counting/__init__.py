"""From a trained cell to the mitotic count of a slide: proposals, their scores, merging, the hotspot."""
