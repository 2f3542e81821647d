"""What is asked of the Admin GraphQL API, in the words of version 2025-07 and later; each far below a query's limit of 1,000 points."""

from __future__ import annotations

from typing import Final

_MONEY: Final = "{ shopMoney { amount currencyCode } }"
_LINE: Final = f"""id sku quantity variant {{ id }} originalTotalSet {_MONEY}
  discountAllocations {{ allocatedAmountSet {_MONEY} }} taxLines {{ rate priceSet {_MONEY} }}"""
_PAGE: Final = "pageInfo { hasNextPage endCursor }"

SHOP: Final = """query Shop { shop { name myshopifyDomain currencyCode } currentAppInstallation { accessScopes { handle } } }"""

ORDER_NAME: Final = """query OrderName($id: ID!) { order(id: $id) { id name } }"""

_ORDER: Final = f"""id name currencyCode taxesIncluded lineItems(first: 40, after: $after) {{ nodes {{ {_LINE} }} {_PAGE} }}"""
ORDER: Final = f"""query Order($id: ID!, $after: String) {{ order(id: $id) {{ {_ORDER} }} }}"""

ORDERS_NAMED: Final = """query OrdersNamed($search: String!) { orders(first: 10, query: $search) { nodes { id name } } }"""

# Refunds are a plain list; returns a connection, the newest first. Both are looked into one by one, and only where something is new.
_CHANGED: Final = "id name updatedAt refunds(first: 40) { id createdAt } returns(first: 10, reverse: true) { nodes { id status } }"
CHANGED_ORDERS: Final = f"""query ChangedOrders($search: String!, $after: String) {{
  orders(first: 10, sortKey: UPDATED_AT, query: $search, after: $after) {{ nodes {{ {_CHANGED} }} {_PAGE} }} }}"""

REFUNDS_OF_ORDER: Final = """query RefundsOfOrder($id: ID!) { order(id: $id) { id name
  refunds(first: 40) { id transactions(first: 10) { nodes { id } } } returns(first: 10, reverse: true) { nodes { id } } } }"""

_REFUND: Final = f"""id createdAt order {{ id name }} return {{ id }} duties {{ amountSet {_MONEY} }}
  refundShippingLines(first: 10) {{ nodes {{ subtotalAmountSet {_MONEY} taxAmountSet {_MONEY} shippingLine {{ taxLines {{ rate }} }} }} }}
  orderAdjustments(first: 20) {{ nodes {{ reason amountSet {_MONEY} taxAmountSet {_MONEY} }} }}
  transactions(first: 20) {{ nodes {{ id kind status gateway test processedAt amountSet {_MONEY} }} }}
  refundLineItems(first: 60, after: $after) {{
    nodes {{ quantity restockType subtotalSet {_MONEY} totalTaxSet {_MONEY} lineItem {{ id taxLines {{ rate }} }} }} {_PAGE} }}"""
REFUND: Final = f"""query Refund($id: ID!, $after: String) {{ refund(id: $id) {{ {_REFUND} }} }}"""

RETURN: Final = f"""query Return($id: ID!, $after: String) {{ return(id: $id) {{
  id name status createdAt requestApprovedAt closedAt order {{ id name currencyCode taxesIncluded }}
  returnLineItems(first: 30, after: $after) {{ nodes {{ __typename id quantity returnReason
    ... on ReturnLineItem {{ fulfillmentLineItem {{ id lineItem {{ {_LINE} }} }} }} }} {_PAGE} }}
  exchangeLineItems(first: 20) {{ nodes {{ id quantity variantId lineItems {{ id sku }} }} }}
  reverseFulfillmentOrders(first: 20) {{ nodes {{ id }} }}
  refunds(first: 20) {{ nodes {{ id }} }} }} }}"""

REVERSE_FULFILLMENT: Final = f"""query ReverseFulfillment($id: ID!, $after: String) {{ reverseFulfillmentOrder(id: $id) {{ id status
  lineItems(first: 40, after: $after) {{ nodes {{ id totalQuantity fulfillmentLineItem {{ id lineItem {{ id }} }}
    dispositions {{ id type quantity createdAt location {{ id }} }} }} {_PAGE} }} }} }}"""

# A reverse fulfilment order does not name its return: its order's returns do.
RETURN_OF_REVERSE_FULFILLMENT: Final = """query ReturnOfReverseFulfillment($id: ID!) { reverseFulfillmentOrder(id: $id) { id order {
  id name returns(first: 20) { nodes { id reverseFulfillmentOrders(first: 10) { nodes { id } } } } } } }"""

VARIANTS: Final = """query Variants($ids: [ID!]!) { variants: nodes(ids: $ids) { ... on ProductVariant { id sku } } }"""

# What a return's money needs: what was refunded already, and which units may still be processed and refunded (2025-07 on).
RETURN_MONEY: Final = """query ReturnMoney($id: ID!, $after: String) { return(id: $id) { id name status
  refunds(first: 20) { nodes { id transactions(first: 10) { nodes { id kind status test } } } }
  exchangeLineItems(first: 1) { nodes { id } }
  returnLineItems(first: 30, after: $after) { nodes { __typename id
    ... on ReturnLineItem { processableQuantity refundableQuantity } } pageInfo { hasNextPage endCursor } } } }"""

# How Shopify itself would pay it back: by which payments, and how much of each, fees of the return taken off.
SUGGESTED_REFUND: Final = """query SuggestedRefund($id: ID!, $lines: [SuggestedOutcomeReturnLineItemInput!]!) { return(id: $id) { id
  suggestedFinancialOutcome(returnLineItems: $lines, exchangeLineItems: []) { financialTransfer { __typename
    ... on RefundReturnOutcome { suggestedTransactions { parentTransaction { id }
      amountSet { presentmentMoney { amount currencyCode } } } } } } } }"""

PROCESS_RETURN: Final = """mutation ProcessReturn($input: ReturnProcessInput!) { returnProcess(input: $input) {
  return { id status } userErrors { field message } } }"""

INVENTORY_OF_SKU: Final = """query InventoryOfSku($search: String!, $location: ID!) { inventoryItems(first: 10, query: $search) { nodes {
  id sku tracked inventoryLevel(locationId: $location) { id quantities(names: ["available"]) { name quantity } } } } }"""
_SET: Final = "{ inventoryAdjustmentGroup { id } userErrors { code field message } }"
SET_AVAILABLE: Final = f"""mutation SetAvailable($input: InventorySetQuantitiesInput!) {{
  inventorySetQuantities(input: $input) {_SET} }}"""
SET_AVAILABLE_ONCE: Final = f"""mutation SetAvailable($input: InventorySetQuantitiesInput!, $key: String!) {{
  inventorySetQuantities(input: $input) @idempotent(key: $key) {_SET} }}"""
