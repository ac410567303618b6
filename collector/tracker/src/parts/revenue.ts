/* The revenue of tagged elements: data-footfall-revenue-amount and -currency, or Plausible's classes plausible-revenue-…. */
import type { Making } from '../core';

export const revenue: Making = (core) => {
  core._tags.push(({ 'revenue-amount': amount, 'revenue-currency': currency }, options) => {
    if (amount && currency) options.revenue = { amount, currency };
  });
};
