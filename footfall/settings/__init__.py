"""Everything that can be set: what there is (model), how it is read (reading), listed (listing) and refused
(messages).
"""

from .listing import describe, needs_restart
from .model import Settings
from .reading import load
from .site_settings import DEMO_SITE, SiteSettings

__all__ = ["DEMO_SITE", "Settings", "SiteSettings", "describe", "load", "needs_restart"]
