"""A simulated Shopify shop: Admin API (GraphQL and the payouts of REST), signed webhooks, and stories by seed."""

from __future__ import annotations

from adapters.sandbox.shopify.simulator import ShopifySimulator

__all__ = ["ShopifySimulator"]
