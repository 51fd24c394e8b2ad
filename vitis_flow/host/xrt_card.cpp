#include "xrt_card.h"

#include <cstdlib>
#include <cstring>

#include <xrt/xrt_bo.h>
#include <xrt/xrt_device.h>
#if __has_include(<xrt/experimental/xrt_ip.h>)
#include <xrt/experimental/xrt_ip.h>
#include <xrt/experimental/xrt_xclbin.h>
#else
#include <experimental/xrt_ip.h>
#include <experimental/xrt_xclbin.h>
#endif

namespace tickwire {
namespace {

constexpr const char* KERNEL = "tickwire_kernel";
constexpr const char* BANK = "HOST[0]";

class XrtBuffer : public Buffer {
public:
    XrtBuffer(const xrt::device& device, size_t octets, int bank)
        : bo_(device, octets, xrt::bo::flags::host_only, static_cast<xrt::memory_group>(bank)),
          data_(bo_.map<uint8_t*>()), octets_(octets), emulated_(std::getenv("XCL_EMULATION_MODE") != nullptr) {
        std::memset(data_, 0, octets);
        bo_.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    }

    uint8_t* data() override { return data_; }
    size_t size() const override { return octets_; }
    uint64_t address() const override { return bo_.address(); }

    // Hardware reads and writes host memory coherently: a system call per poll would only cost time.
    void to_card() override {
        if (emulated_) bo_.sync(XCL_BO_SYNC_BO_TO_DEVICE);
    }
    void from_card() override {
        if (emulated_) bo_.sync(XCL_BO_SYNC_BO_FROM_DEVICE);
    }

private:
    xrt::bo bo_;
    uint8_t* data_;
    size_t octets_;
    bool emulated_;
};

class XrtCard : public Card {
public:
    XrtCard(unsigned index, const std::string& path) : device_(index) {
        const xrt::xclbin xclbin(path);
        const xrt::uuid uuid = device_.load_xclbin(xclbin);
        for (const xrt::xclbin::mem& mem : xclbin.get_mems())
            if (mem.get_tag() == BANK && mem.get_used()) bank_ = mem.get_index();
        if (bank_ < 0)
            throw CardError(path + ": no kernel uses " + BANK + "; expected sp=" + KERNEL + "_1.m_axi_records:" + BANK +
                            " in the link configuration");
        ip_ = xrt::ip(device_, uuid, KERNEL);
        if (std::getenv("XCL_EMULATION_MODE")) patience = 1000;
    }

    std::unique_ptr<Buffer> allocate(size_t octets) override {
        try {
            auto buffer = std::make_unique<XrtBuffer>(device_, octets, bank_);
            if (buffer->address() % 4096) throw CardError("host memory begins at no multiple of 4 KiB");
            return buffer;
        } catch (const CardError&) {
            throw;
        } catch (const std::exception& error) {
            throw CardError(std::to_string(octets) + " octets of host memory: " + error.what() +
                            " (is it enabled? xbutil configure --host-mem)");
        }
    }

protected:
    uint32_t read_word(uint32_t address) override { return ip_.read_register(address); }
    void write_word(uint32_t address, uint32_t value) override { ip_.write_register(address, value); }

private:
    xrt::device device_;
    xrt::ip ip_;
    int bank_ = -1;
};

}  // namespace

std::unique_ptr<Card> open_xrt_card(unsigned index, const std::string& xclbin) {
    try {
        return std::make_unique<XrtCard>(index, xclbin);
    } catch (const CardError&) {
        throw;
    } catch (const std::exception& error) {
        throw CardError("card xrt:" + std::to_string(index) + " with " + xclbin + ": " + error.what());
    }
}

}  // namespace tickwire
