// A card behind XRT.

#pragma once

#include <memory>
#include <string>

#include "card.h"

namespace tickwire {

// Loads the xclbin into card `index`, unless it is there already, and opens the kernel for this process alone. Buffers
// are host memory: the kernel's memory ports must be linked to HOST[0], and host memory be enabled on the card
// (`xbutil configure --host-mem -d BDF ENABLE --size 1G`). Throws CardError.
std::unique_ptr<Card> open_xrt_card(unsigned index, const std::string& xclbin);

}  // namespace tickwire
